//! Reading what was said: history and search.

use super::super::Sessions;
use super::super::turn::{Ask, Turn};
use crate::ids::Seq;
use crate::limits::QUERY_CHARS_MAX;
use crate::output::{HistoryQuery, HistoryRange, Output, SearchQuery};
use crate::refusal::{Code, Refusal};
use std::sync::Arc;

/// Events in a page of history for which no number was asked.
const HISTORY_DEFAULT: u32 = 50;
/// Events in a page of a search for which no number was asked.
const SEARCH_DEFAULT: u32 = 20;

impl Sessions {
    pub(super) fn history(
        &self,
        turn: &mut Turn<'_>,
        ask: Ask,
        room: Option<&str>,
        before_after: (Option<Seq>, Option<Seq>),
        limit: Option<u32>,
    ) -> Result<(), Refusal> {
        let room = self.room_of(&ask, room)?;
        let range = match before_after {
            (None, None) => HistoryRange::Latest,
            (Some(before), None) => HistoryRange::Before(before),
            (None, Some(after)) => HistoryRange::After(after),
            (Some(_), Some(_)) => {
                return Err(Code::BadRequest.refuse(None, "a page is before a number or after one, not both"));
            }
        };
        let query = HistoryQuery {
            reference: ask.reference,
            room: Arc::clone(&self.here[room].name),
            range,
            limit: self.page(limit, HISTORY_DEFAULT),
        };
        turn.push(Output::History { to: ask.connection, query });
        Ok(())
    }

    pub(super) fn search(
        &self,
        turn: &mut Turn<'_>,
        ask: Ask,
        room: Option<&str>,
        query: &str,
        before: Option<Seq>,
        limit: Option<u32>,
    ) -> Result<(), Refusal> {
        let room = self.room_of(&ask, room)?;
        let words = query.trim();
        if words.is_empty() || words.chars().count() > QUERY_CHARS_MAX {
            return Err(Code::QueryInvalid.refuse(None, format!("a search has 1 to {QUERY_CHARS_MAX} characters")));
        }
        let query = SearchQuery {
            reference: ask.reference,
            room: Arc::clone(&self.here[room].name),
            text: Arc::from(words),
            before,
            limit: self.page(limit, SEARCH_DEFAULT),
        };
        turn.push(Output::Search { to: ask.connection, query });
        Ok(())
    }

    fn page(&self, limit: Option<u32>, default: u32) -> u32 {
        limit.unwrap_or(default).clamp(1, self.limits.history_limit.max(1))
    }
}
