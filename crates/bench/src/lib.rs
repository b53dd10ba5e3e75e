//! Side-by-side benchmarks: Switchboard and a bare epoll floor under the same load, in the same round.
//!
//! | module | what it does |
//! |---|---|
//! | [`fanout`] | runs the rounds of `fanout`: many receivers, few senders |
//! | [`idle`] | runs the steps of `idle`: memory and CPU of connections that say nothing |
//! | [`targets`] | starts each server under test and names its process; one file for each server |
//! | [`load`] | the load generator: opens connections, sends, counts each delivery to each receiver |
//! | [`measure`] | CPU time and memory of a process, and the latency histogram |
//! | [`report`] | the Markdown tables and the JSON file |

pub mod fanout;
pub mod idle;
pub mod load;
pub mod measure;
pub mod report;
pub mod targets;
