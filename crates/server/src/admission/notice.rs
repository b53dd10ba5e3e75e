//! A word to a connection on another thread that it has to give way, which costs the task that waits for it nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Given at most once, and kept until it is looked for.
#[derive(Debug, Default)]
pub struct Notice(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_given: bool,
    waker: Option<Waker>,
}

impl Notice {
    /// Marks the notice as given, and wakes the one task that waits for it.
    pub(super) fn give(&self) {
        let waker = {
            let mut state = self.state();
            state.is_given = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready when it was given. The task that asked last is woken then.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.is_given {
            return Poll::Ready(());
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is ever half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::Arc;

    #[tokio::test]
    async fn it_is_heard_whether_it_comes_before_or_while_somebody_waits() {
        let notice = Arc::new(Notice::default());
        let waiting = tokio::spawn({
            let notice = notice.clone();
            async move { poll_fn(|context| notice.poll(context)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        std::thread::spawn({
            let notice = notice.clone();
            move || notice.give()
        });
        waiting.await.expect("it was given");
        poll_fn(|context| notice.poll(context)).await;
    }
}
