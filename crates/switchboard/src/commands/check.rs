//! `switchboard check`: says whether the history of a server that does not run is whole.

use switchboard_server::check::{Verdict, check};

use crate::args::check::CheckArgs;
use crate::exit::Exit;
use crate::output::print;

pub(crate) fn run(args: CheckArgs) -> Exit {
    match check(args.data_dir) {
        Verdict::Whole(text) => print(text.as_bytes()),
        Verdict::Damaged(text) => {
            eprint!("{text}");
            Exit::Disk
        }
        Verdict::InUse(text) => {
            eprint!("{text}");
            Exit::Refused
        }
    }
}
