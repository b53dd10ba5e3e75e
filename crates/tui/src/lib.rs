//! The full-screen terminal client: a pure [`model`] and a pure [`view`] of it, and one loop that runs them.

mod app;
pub mod clock;
pub mod colours;
pub mod config;
mod emoji;
pub mod files;
pub mod keys;
mod links;
mod mentions;
pub mod model;
mod programs;
pub mod settings;
pub mod terminal;
pub mod view;

pub use app::{Chosen, resolve, run};
