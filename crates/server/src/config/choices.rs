//! The settings whose value is one word of a few.

use std::fmt;

/// Declares an enum of which each variant has one word in the configuration.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// The words of all variants, in the order of their declaration.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of this variant.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant of a word, if it is one of [`Self::WORDS`].
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

choice! {
    /// How the text protocol shows who said something.
    TextStyle {
        /// `<nick> text`, with notices.
        Named = "named",
        /// `<127.0.0.1> text`, with notices.
        Address = "address",
        /// The bare text as it was sent, without notices.
        Plain = "plain",
    }
}

choice! {
    /// What a message has survived when it is acknowledged.
    Durability {
        /// A power cut: the disk has confirmed it.
        Fsync = "fsync",
        /// A crash of the server, not of the machine: the operating system has it.
        Os = "os",
        /// Nothing: it is written when convenient.
        None = "none",
    }
}

choice! {
    /// How a shard gives its sockets their bytes.
    Io {
        /// With `io_uring` where the kernel allows it, else a system call for each socket.
        Auto = "auto",
        /// A system call for each socket.
        Epoll = "epoll",
        /// A system call for many sockets.
        IoUring = "io_uring",
    }
}

choice! {
    /// Whose clients a namespace of Socket.IO takes.
    Parser {
        /// Everybody's: the first packet shows which one a client has.
        Any = "any",
        /// Those with the default parser.
        Json = "json",
        /// Those with the msgpack parser.
        Msgpack = "msgpack",
    }
}

choice! {
    /// Whom a namespace that passes events on gives them to.
    Whom {
        /// Everybody in it but the sender.
        Others = "others",
        /// The sender too.
        All = "all",
        /// Only whom the event names.
        None = "none",
    }
}

choice! {
    /// How a line of the log is written.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line, for programs.
        Json = "json",
    }
}

choice! {
    /// The least important thing that is logged.
    LogLevel {
        /// What needs somebody's hand.
        Error = "error",
        /// What may soon need it.
        Warn = "warn",
        /// Starts, stops, connections, refusals.
        Info = "info",
        /// What a developer of Switchboard looks for.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}
