//! The languages from outside: transcripts, their page, and what holds for any input.

mod conversations;
mod docs;
mod properties;
mod samples;
mod transcripts;
mod vocabulary;
