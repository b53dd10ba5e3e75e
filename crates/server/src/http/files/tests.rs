//! The operator's folder: what is served of it, what is not, and how much of it is in memory.

use super::*;

fn folder() -> (tempfile::TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    std::fs::create_dir_all(site.join("sub")).unwrap();
    std::fs::write(site.join("index.html"), "<p>hello").unwrap();
    std::fs::write(site.join("sub/a b.js"), "0123456789").unwrap();
    std::fs::write(site.join(".secret"), "secret").unwrap();
    std::fs::write(folder.path().join("outside.txt"), "outside").unwrap();
    std::os::unix::fs::symlink(folder.path().join("outside.txt"), site.join("link.txt")).unwrap();
    let files = Files { folder: Some(site), serves_client: true, socketio_path: "/io/".into(), ..Files::default() };
    (folder, files)
}

fn reader(budget: &Arc<Budget>) -> Reader<'_> {
    Reader { client: IpAddr::from([127, 0, 0, 1]), budget, patience: Duration::from_secs(1) }
}

fn get(files: &Files, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
    files.look(&Method::GET, path, &headers).expect("there is a folder")
}

#[test]
fn files_are_served_and_nothing_beside_them() {
    let (_folder, files) = folder();
    for (path, status, kind) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/index.html", 200, "text/html; charset=utf-8"),
        ("/sub/a%20b.js", 200, "text/javascript; charset=utf-8"),
        ("/sub", 302, "text/plain; charset=utf-8"),
        ("/sub/", 404, "text/plain; charset=utf-8"),
        ("/none", 404, "text/plain; charset=utf-8"),
        ("/.secret", 404, "text/plain; charset=utf-8"),
        ("/link.txt", 404, "text/plain; charset=utf-8"),
        ("/../outside.txt", 404, "text/plain; charset=utf-8"),
        ("/%2e%2e/outside.txt", 404, "text/plain; charset=utf-8"),
        ("/sub/..%2f..%2foutside.txt", 404, "text/plain; charset=utf-8"),
        ("/%ff", 404, "text/plain; charset=utf-8"),
    ] {
        let answer = get(&files, path, &[]);
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], kind, "{path}");
    }
}

#[test]
fn a_folder_is_told_by_a_relative_address() {
    let (folder, files) = folder();
    std::fs::create_dir_all(folder.path().join("site/sub/a:b")).unwrap();
    for (path, location) in
        [("/sub", "./sub/"), ("//sub", "./sub/"), ("/sub/a:b", "./a:b/"), ("/sub/a%3Ab", "./a%3Ab/")]
    {
        assert_eq!(get(&files, path, &[]).headers()[header::LOCATION], location, "{path}");
    }
}

#[test]
fn a_front_end_that_makes_its_pages_gets_its_index_for_them() {
    let (_folder, mut files) = folder();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let cases = [
        ("/users/ada", browser, 200),
        ("/users/ada/", browser, 200),
        ("/users/jane.doe", browser, 200),
        ("/users/ada", "*/*", 200),
        ("/users/ada", "", 200),
        ("/users/ada", "application/json", 404),
        ("/poll/17", browser, 200),
        ("/wsx", browser, 200),
        ("/sub/", browser, 200),
        ("/app.js", "*/*", 404),
        ("/app.js", "", 404),
        ("/picture.png", "image/avif,image/webp,image/*,*/*;q=0.8", 404),
        ("/.secret", browser, 404),
        ("/.git/config", browser, 404),
        ("/users/.secret", browser, 404),
        ("/../outside", browser, 404),
        ("/link.txt", "*/*", 404),
        ("/socket.io/", browser, 404),
        ("/socket.io", browser, 404),
        ("/socket.io/x", browser, 404),
        ("/io/", browser, 404),
        ("/io", browser, 404),
        ("/io/x", browser, 404),
        ("/ws/x", browser, 404),
        ("/healthz/", browser, 404),
        ("/readyz/x", browser, 404),
        ("/metrics/", browser, 404),
        ("/poll/", browser, 404),
        ("/wires/dialects", browser, 404),
    ];
    for (path, accept, status) in cases {
        let headers = [(header::ACCEPT, accept)];
        let headers = if accept.is_empty() { &[][..] } else { &headers };
        files.spa = false;
        assert_ne!(get(&files, path, headers).status(), StatusCode::OK, "{path} without --spa");
        files.spa = true;
        let answer = get(&files, path, headers);
        assert_eq!(answer.status().as_u16(), status, "{path} {accept}");
        if status == 200 {
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
            assert_eq!(answer.body().known(), b"<p>hello", "{path}");
        }
    }
    assert_eq!(get(&files, "/sub", &[]).status(), StatusCode::FOUND, "a folder is a folder");
    assert_eq!(get(&files, "/sub/a%20b.js", &[]).body().known(), b"0123456789");
    let head = files.look(&Method::HEAD, "/users/ada", &HeaderMap::new()).unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let post = files.look(&Method::POST, "/users/ada", &HeaderMap::new()).unwrap();
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn what_a_browser_has_is_not_sent_again() {
    let (_folder, files) = folder();
    let tag = get(&files, "/", &[]).headers()[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(get(&files, "/", &[(header::IF_NONE_MATCH, &tag)]).status(), StatusCode::NOT_MODIFIED);
    assert_eq!(get(&files, "/", &[(header::IF_NONE_MATCH, "\"x\"")]).status(), StatusCode::OK);
}

#[test]
fn ranges_are_cut_out() {
    for (range, expected) in [
        ("bytes=0-3", Some(Some((0, 4)))),
        ("bytes=4-", Some(Some((4, 10)))),
        ("bytes=-3", Some(Some((7, 10)))),
        ("bytes=8-99", Some(Some((8, 10)))),
        ("bytes=10-", Some(None)),
        ("bytes=3-1", None),
        ("bytes=a-b", None),
        ("lines=1-2", None),
    ] {
        assert_eq!(parse_range(range, 10), expected, "{range}");
    }
    let (_folder, files) = folder();
    let answer = get(&files, "/sub/a%20b.js", &[(header::RANGE, "bytes=2-4")]);
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(answer.headers()[header::CONTENT_RANGE], "bytes 2-4/10");
}

#[tokio::test]
async fn the_clients_scripts_are_the_operators_or_those_of_the_program() {
    let (folder, files) = folder();
    let files = Arc::new(Files { threads: Some(FileThreads::start().unwrap()), ..files });
    let budget = Budget::new(1 << 20);
    let script =
        async |files: &Arc<Files>, name| files.script(&Method::GET, name, &HeaderMap::new(), reader(&budget)).await;
    assert!(script(&files, "other.js").await.is_none());
    let answer = script(&files, "socket.io.min.js").await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.body().len() > 10_000, "the program's own");
    let dist = folder.path().join("node_modules/socket.io-client/dist");
    std::fs::create_dir_all(&dist).unwrap();
    std::fs::write(dist.join("of the release.js"), "io").unwrap();
    std::os::unix::fs::symlink(dist.join("of the release.js"), dist.join("socket.io.min.js")).unwrap();
    let own = script(&files, "socket.io.min.js").await.unwrap();
    assert_eq!(own.body().known(), b"io", "found above the folder, and by way of a link");
    let other = script(&files, "socket.io.js").await.unwrap();
    assert!(other.body().len() > 10_000, "what is not there is the program's");
    let files = Arc::new(Files { serves_client: false, ..Files::clone(&files) });
    assert_eq!(script(&files, "socket.io.min.js").await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[test]
fn what_is_no_regular_file_is_not_there() {
    let (folder, files) = folder();
    let site = folder.path().join("site");
    let made = std::process::Command::new("mkfifo").arg(site.join("pipe")).status().unwrap();
    assert!(made.success());
    let _listener = std::os::unix::net::UnixListener::bind(site.join("socket")).unwrap();
    std::os::unix::fs::symlink("loop", site.join("loop")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", site.join("zero")).unwrap();
    std::os::unix::fs::symlink(&site, site.join("itself")).unwrap();
    std::os::unix::fs::symlink("index.html", site.join("inside.html")).unwrap();
    for (path, status) in [
        ("/pipe", 404),
        ("/socket", 404),
        ("/loop", 404),
        ("/zero", 404),
        ("/itself/pipe", 404),
        ("/itself/index.html", 200),
        ("/itself/", 200),
        ("/inside.html", 200),
    ] {
        assert_eq!(get(&files, path, &[]).status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_large_file_is_not_read_before_it_is_sent_and_a_small_one_is() {
    let (folder, files) = folder();
    let files = Arc::new(Files { threads: Some(FileThreads::start().unwrap()), ..files });
    std::fs::write(folder.path().join("site/just"), vec![b'x'; PIECE]).unwrap();
    std::fs::write(folder.path().join("site/large"), vec![b'x'; PIECE + 1]).unwrap();
    let budget = Budget::new(PIECE);
    let ask = async |method: Method, path: &str| {
        files.respond(&method, path, &HeaderMap::new(), reader(&budget)).await.unwrap()
    };
    let just = ask(Method::GET, "/just").await;
    assert_eq!((just.body().len(), just.body().known().len()), (PIECE as u64, PIECE));
    let large = ask(Method::GET, "/large").await;
    assert_eq!((large.body().len(), large.body().known().len()), (PIECE as u64 + 1, 0));
    let head = ask(Method::HEAD, "/just").await;
    assert_eq!((head.body().len(), head.body().known().len()), (PIECE as u64, 0));
    let all = budget.charge(IpAddr::from([192, 0, 2, 1]), 1);
    let busy = ask(Method::GET, "/just").await;
    assert_eq!(busy.status().as_u16(), 503);
    assert_eq!(busy.headers()[header::RETRY_AFTER], "1");
    drop(all);
    assert_eq!(ask(Method::GET, "/just").await.status(), StatusCode::OK);
}
