//! The core's behaviour, told as small stories and as properties of any story.

mod costs;
mod door;
mod hello;
mod laws;
mod nicks;
mod presence;
mod reading;
mod recovering;
mod relays;
mod resuming;
mod rooms;
mod several_sessions;
mod shown;
mod spaces;
mod talk;
mod world;
