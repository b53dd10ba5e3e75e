//! The simulator: a whole server with many clients, a faulty network and disk, and crashes, in one thread and from one
//! seed.
//!
//! The engine, the shards, the protocols and the core are the real ones; what drives them is not. Time is virtual,
//! every delay and every fault is drawn from the seed, and what happens next is always the earliest entry of one
//! agenda. A run can therefore be repeated exactly, and one that finds a fault is a seed. While it runs, a check
//! holds what the server must never do against what every client hears and what the store holds.

mod agenda;
mod check;
mod client;
mod disk;
mod driver;
mod network;
mod plan;
mod prng;
mod tap;
mod wall;
mod world;

pub use plan::Plan;
pub use prng::Random;
pub use world::{Failure, Report, run};
