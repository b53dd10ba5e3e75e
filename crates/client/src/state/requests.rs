//! Requests under way: what each answer is an answer to.

use crate::request::RequestId;
use std::collections::BTreeMap;

/// Requests under way at once. More: refused on this side.
pub(super) const REQUESTS_MAX: usize = 256;

/// What was asked, as far as the answer does not say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To join a room by the name that was typed. It outlives the connection.
    Join { typed: String },
    /// To leave a room; `to` is where this client speaks after it.
    Leave { room: Option<String>, to: Option<String> },
    /// To set a room's topic, which gets a number.
    SetTopic { room: Option<String> },
    /// Another nick.
    Nick,
    /// Anything else.
    Other,
}

#[derive(Debug)]
pub(crate) struct Request {
    /// Its number for the caller; the client's own requests have none.
    pub caller: Option<RequestId>,
    pub asked: Asked,
}

/// The table, by the number that goes out as `ref`.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    under_way: BTreeMap<u64, Request>,
    last: u64,
}

impl Requests {
    /// Adds a request: its `ref`, or the request back when there are too many.
    pub(crate) fn add(&mut self, request: Request) -> Result<String, Request> {
        if self.under_way.len() >= REQUESTS_MAX {
            return Err(request);
        }
        self.last += 1;
        self.under_way.insert(self.last, request);
        Ok(self.last.to_string())
    }

    /// The request that an answer is for.
    pub(crate) fn take(&mut self, reference: &str) -> Option<Request> {
        self.under_way.remove(&reference.parse().ok()?)
    }

    /// The connection is gone: joins stay, all others come back to be reported.
    pub(crate) fn cut(&mut self) -> Vec<Request> {
        let (joins, others): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.under_way)
            .into_iter()
            .partition(|(_, request)| matches!(request.asked, Asked::Join { .. }));
        self.under_way = joins;
        others.into_values().collect()
    }

    /// The joins under way: `ref` and room.
    pub(crate) fn joins(&self) -> impl Iterator<Item = (String, &str)> {
        self.under_way.iter().filter_map(|(reference, request)| match &request.asked {
            Asked::Join { typed } => Some((reference.to_string(), typed.as_str())),
            Asked::Leave { .. } | Asked::SetTopic { .. } | Asked::Nick | Asked::Other => None,
        })
    }
}
