//! The JSON protocol, for programs: one object is one request, one event or one answer.

pub mod decode;
pub mod doorstep;
pub(crate) mod encode;
pub(crate) mod fields;
pub(crate) mod replies;
pub(crate) mod write;

pub use decode::decode;
