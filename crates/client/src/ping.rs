//! `switchboard ping`: how long connecting takes, and the way there and back.

use crate::clean;
use crate::exit::Exit;
use crate::login;
use crate::transport::{self, ConnectError, Duplex, Incoming, Place};
use crate::wire;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The options of `ping`.
#[derive(Clone, Debug)]
pub struct Options {
    /// None: the server of this machine.
    pub url: Option<String>,
    /// The SHA-256 of the one certificate to accept.
    pub fingerprint: Option<String>,
    /// How many round trips.
    pub count: u32,
    /// From one to the next.
    pub interval: Duration,
    /// How long each may take.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: None,
            fingerprint: None,
            count: 4,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Pings: [`Exit::Good`] when every ping was answered.
#[must_use]
pub fn run(options: Options) -> ExitCode {
    let place = match login::place(options.url.as_deref(), options.fingerprint.as_deref()) {
        Ok(place) => place,
        Err(error) => {
            eprintln!("switchboard: {error}");
            return error.exit().into();
        }
    };
    crate::command::block_on(async move {
        match measure(&place, &options, io::stdout()).await {
            Ok(exit) => exit,
            Err(error) => {
                eprintln!("switchboard: {}: {}", place.address, clean::line(&error.to_string()));
                Exit::NotConnected
            }
        }
    })
}

/// Pings, and writes what it measures.
///
/// # Errors
/// [`ConnectError`]: the server cannot be reached, or the output not be written.
pub async fn measure(place: &Place, options: &Options, mut output: impl Write) -> Result<Exit, ConnectError> {
    let mut duplex = transport::connect(place, 0).await?;
    writeln!(output, "{} is {}", place.address, duplex.peer)?;
    if !duplex.datagram {
        writeln!(output, "connect {}", milliseconds(duplex.times.connect))?;
    }
    for (name, time) in [("tls", duplex.times.tls), ("websocket", duplex.times.websocket)] {
        if let Some(time) = time {
            writeln!(output, "{name} {}", milliseconds(time))?;
        }
    }
    let mut trips = Vec::new();
    for number in 1..=options.count {
        let start = Instant::now();
        match round_trip(&mut duplex, number, start + options.timeout).await {
            Answer::Pong => {
                let trip = start.elapsed();
                writeln!(output, "ping {number} {}", milliseconds(trip))?;
                trips.push(trip);
            }
            Answer::None => writeln!(output, "ping {number} no answer")?,
            Answer::Gone(why) => {
                writeln!(output, "ping {number} {}", clean::line(&why))?;
                break;
            }
        }
        output.flush()?;
        if number < options.count {
            sleep_until(start + options.interval).await;
        }
    }
    writeln!(output, "{}", summary(options.count, &trips))?;
    let all = trips.len() == options.count as usize;
    Ok(if all { Exit::Good } else { Exit::NotConnected })
}

enum Answer {
    Pong,
    None,
    Gone(String),
}

async fn round_trip(duplex: &mut Duplex, number: u32, deadline: Instant) -> Answer {
    let reference = number.to_string();
    let ping = wire::Outgoing::Ping { r#ref: Some(&reference) }.encode();
    if duplex.outgoing.send(ping).await.is_err() {
        return Answer::Gone("the connection broke".to_owned());
    }
    loop {
        match timeout_at(deadline, duplex.incoming.recv()).await {
            Err(_) => return Answer::None,
            Ok(None) => return Answer::Gone("the connection broke".to_owned()),
            Ok(Some(Incoming::Closed { why, .. })) => return Answer::Gone(why),
            Ok(Some(Incoming::Text(text))) => match wire::Incoming::parse(&text) {
                Ok(wire::Incoming::Pong(Some(answered))) if answered == reference => return Answer::Pong,
                Ok(wire::Incoming::Closing(closing)) => return Answer::Gone(closing.message),
                // A server greets whoever is slow to say what it is; and what others say is no answer.
                Ok(_) | Err(_) => {}
            },
        }
    }
}

fn summary(count: u32, trips: &[Duration]) -> String {
    let head = format!("{count} pings, {} answers", trips.len());
    match (trips.iter().min(), trips.iter().max(), u32::try_from(trips.len())) {
        (Some(min), Some(max), Ok(answers)) => {
            let average = trips.iter().sum::<Duration>() / answers;
            format!("{head}: min {}, avg {}, max {}", milliseconds(*min), milliseconds(average), milliseconds(*max))
        }
        (_, _, _) => head,
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_what_was_answered() {
        let trips = [1, 2, 6].map(Duration::from_millis);
        assert_eq!(summary(4, &trips), "4 pings, 3 answers: min 1.000 ms, avg 3.000 ms, max 6.000 ms");
        assert_eq!(summary(4, &[]), "4 pings, 0 answers");
    }
}
