//! TLS over a connection in memory, with certificates from files.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection, SupportedProtocolVersion, version,
};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A client that trusts nothing but the certificate in this file.
fn client_config(
    certificate_path: &Path,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> Arc<ClientConfig> {
    let pair = load(certificate_path, &certificate_path.with_file_name("tls-key.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert[0].clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// Shakes hands and carries "hello" to the server and "welcome" back.
fn converse(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &'static str,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from(name).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let mut wire = Vec::new();
    let mut carry_all = |client: &mut ClientConnection, server: &mut ServerConnection| {
        while client.wants_write() || server.wants_write() {
            wire.clear();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut rest = &wire[..];
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets()?;
            }
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut rest = &wire[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets()?;
            }
        }
        Ok::<(), rustls::Error>(())
    };
    carry_all(&mut client, &mut server)?;
    client.writer().write_all(b"hello").unwrap();
    server.writer().write_all(b"welcome").unwrap();
    carry_all(&mut client, &mut server)?;
    assert_eq!(read_all(server.reader()), b"hello");
    assert_eq!(read_all(client.reader()), b"welcome");
    Ok((client, server))
}

fn read_all(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => bytes,
        Err(error) => panic!("{error}"),
    }
}

fn open(made: &SelfSigned) -> Arc<Reloadable> {
    Arc::new(Reloadable::open(made.certificate_path.clone(), made.key_path.clone()).unwrap())
}

#[test]
fn both_versions_serve_with_and_without_alpn_and_under_every_name() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["chat.example.org".to_owned(), "192.168.1.5".to_owned()];
    let made = self_signed(directory.path(), &names, SystemTime::now()).unwrap();
    let server = server_config(open(&made)).unwrap();
    for version in [&version::TLS12, &version::TLS13] {
        for alpn in [&[][..], &[&b"http/1.1"[..]], &[&b"h2"[..], b"http/1.1"]] {
            let client = client_config(&made.certificate_path, &[version], alpn);
            let (client, server) = converse(&client, &server, "localhost").unwrap();
            assert_eq!(client.protocol_version(), Some(version.version));
            let expected = alpn.last().map(|_| &b"http/1.1"[..]);
            assert_eq!(server.alpn_protocol(), expected);
        }
    }
    let client = client_config(&made.certificate_path, &[&version::TLS13], &[]);
    for name in ["127.0.0.1", "::1", "chat.example.org", "192.168.1.5"] {
        converse(&client, &server, name).unwrap();
    }
    assert!(converse(&client, &server, "192.168.1.6").is_err());
    let stranger = client_config(&made.certificate_path, &[&version::TLS13], &[b"h2"]);
    assert!(converse(&stranger, &server, "localhost").is_err());
}

#[test]
fn a_session_is_resumed_by_its_ticket() {
    let directory = tempfile::tempdir().unwrap();
    let made = self_signed(directory.path(), &[], SystemTime::now()).unwrap();
    let server = server_config(open(&made)).unwrap();
    for version in [&version::TLS12, &version::TLS13] {
        let client = client_config(&made.certificate_path, &[version], &[]);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (client, _) = converse(&client, &server, "localhost").unwrap();
            assert_eq!(client.handshake_kind(), Some(expected), "{version:?}");
        }
    }
}

#[test]
fn a_certificate_of_our_own_is_kept_until_it_expires() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let now = SystemTime::now();
    let first = self_signed(&data, &[], now).unwrap();
    assert!(first.is_new);
    let mode = fs::metadata(&first.key_path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    for later in [Duration::ZERO, 790 * DAY] {
        let again = self_signed(&data, &["example.org".to_owned()], now + later).unwrap();
        assert!(!again.is_new);
        assert_eq!(again.fingerprint, first.fingerprint);
    }
    let renewed = self_signed(&data, &[], now + 800 * DAY).unwrap();
    assert!(renewed.is_new);
    assert_ne!(renewed.fingerprint, first.fingerprint);
}

#[test]
fn half_a_pair_is_made_anew_and_a_damaged_one_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let first = self_signed(directory.path(), &[], now).unwrap();
    fs::remove_file(&first.certificate_path).unwrap();
    let second = self_signed(directory.path(), &[], now).unwrap();
    assert!(second.is_new);

    // A crash after the new key and before the new certificate.
    let other = tempfile::tempdir().unwrap();
    let stranger = self_signed(other.path(), &[], now).unwrap();
    fs::copy(&stranger.key_path, &second.key_path).unwrap();
    assert!(self_signed(directory.path(), &[], now).unwrap().is_new);

    fs::write(&first.certificate_path, "not a certificate").unwrap();
    let error = self_signed(directory.path(), &[], now).unwrap_err();
    assert!(matches!(error, TlsError::NoCertificate { .. }), "{error}");
    assert_eq!(fs::read_to_string(&first.certificate_path).unwrap(), "not a certificate");
}

#[test]
fn a_fingerprint_is_that_of_the_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let made = self_signed(directory.path(), &[], SystemTime::now()).unwrap();
    assert_eq!(made.fingerprint.len(), 32 * 3 - 1);
    assert!(made.fingerprint.split(':').all(|byte| u8::from_str_radix(byte, 16).is_ok()));
    assert_eq!(open(&made).fingerprint(), made.fingerprint);
    // The fingerprint of no bytes at all is a known number; it shows the form.
    let empty = rustls::sign::CertifiedKey::new(Vec::new(), Arc::clone(&made.pair.key));
    assert!(fingerprint(&empty).starts_with("E3:B0:C4:42:98:FC:1C:14:"));
}

#[test]
fn each_thing_wrong_with_the_files_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let made = self_signed(&directory.path().join("one"), &[], SystemTime::now()).unwrap();
    let other = self_signed(&directory.path().join("two"), &[], SystemTime::now()).unwrap();
    let write = |name: &str, content: &str| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let missing = directory.path().join("missing.pem");
    let empty = write("empty.pem", "");
    let cut = write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    let no_x509 = write("no.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    let bad_key = write("key.pem", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
    for (certificate, key, expected) in [
        (&missing, &made.key_path, "cannot read {c}: No such file or directory"),
        (&made.certificate_path, &missing, "cannot read {k}: No such file or directory"),
        (&empty, &made.key_path, "{c} has no certificate in it"),
        (&made.key_path, &made.key_path, "{c} has no certificate in it"),
        (&made.certificate_path, &empty, "{k} has no private key in it"),
        (&made.certificate_path, &made.certificate_path, "{k} has no private key in it"),
        (&cut, &made.key_path, "{c} is not a PEM file: "),
        (&made.certificate_path, &other.key_path, "the key in {k} does not belong to the first certificate in {c}"),
        (&no_x509, &made.key_path, "cannot use the certificate in {c} with the key in {k}: "),
        (&made.certificate_path, &bad_key, "cannot use the certificate in {c} with the key in {k}: "),
    ] {
        let error = load(certificate, key).unwrap_err().to_string();
        let expected =
            expected.replace("{c}", &certificate.display().to_string()).replace("{k}", &key.display().to_string());
        assert!(error.starts_with(&expected), "{error:?} is not {expected:?}");
    }
}

#[test]
fn a_reload_takes_the_new_pair_and_keeps_the_old_one_when_the_new_is_broken() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let old = self_signed(directory.path(), &[], now).unwrap();
    let reloadable = open(&old);
    let server = server_config(Arc::clone(&reloadable) as Arc<dyn ResolvesServerCert>).unwrap();
    let old_client = client_config(&old.certificate_path, &[&version::TLS13], &[]);

    let key = fs::read(&old.key_path).unwrap();
    fs::write(&old.key_path, "").unwrap();
    assert!(reloadable.reload().is_err());
    converse(&old_client, &server, "localhost").expect("the old pair is still served");
    fs::write(&old.key_path, key).unwrap();

    let new = self_signed(directory.path(), &[], now + 820 * DAY).unwrap();
    assert_eq!(reloadable.fingerprint(), old.fingerprint, "nothing changes by itself");
    assert_eq!(reloadable.reload().unwrap(), Some(new.fingerprint.clone()));
    let fresh = client_config(&old.certificate_path, &[&version::TLS13], &[]);
    assert!(converse(&fresh, &server, "localhost").is_err(), "it is not valid yet: not before now + 819 days");
    assert_ne!(new.fingerprint, old.fingerprint);
}
