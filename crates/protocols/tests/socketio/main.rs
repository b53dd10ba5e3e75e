//! Engine.IO and Socket.IO as one client speaks them: what comes in, and what goes out for it.

mod rules;
mod session;
mod support;
mod upper;
