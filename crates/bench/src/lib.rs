//! Side-by-side benchmarks: Switchboard, the servers it is compared with and the floors under the same load.
//!
//! | module | what it does |
//! |---|---|
//! | [`fanout`] | runs the rounds of `fanout`: many receivers, few senders |
//! | [`idle`] | runs the steps of `idle`: memory and CPU of connections that say nothing |
//! | [`storm`] | runs the rounds of `storm`: all connections are cut and come back |
//! | [`startup`] | runs the rounds of `startup`: from the start of a server until it lets somebody in |
//! | [`storing`] | runs the rounds of `store`: the history alone, without a server |
//! | [`sustained`] | runs `sustained`: a steady rate for a long time, stored and searchable |
//! | [`suites`] | what `all` runs of these, and the report that it makes of them |
//! | [`targets`] | starts each server under test and names its process; one file for each server |
//! | [`load`] | the load generator: opens connections, sends, counts each delivery to each receiver |
//! | [`measure`] | CPU time and memory of a process, and the latency histogram |
//! | [`report`] | Markdown tables, plots and the JSON file |

pub mod fanout;
pub mod idle;
pub mod load;
pub mod measure;
pub mod report;
pub mod startup;
pub mod storing;
pub mod storm;
pub mod suites;
pub mod sustained;
pub mod targets;
