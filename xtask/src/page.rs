//! The page's own checks and tests: types, states, and a real browser against the real server.

use crate::step;
use anyhow::Result;

/// Runs them; the server's program has to be built.
pub(crate) fn test() -> Result<()> {
    step("npm", &["ci", "--no-audit", "--no-fund", "--prefix", "web"], &[])?;
    for part in ["check", "test", "browser"] {
        step("npm", &["run", "--silent", "--prefix", "web", part], &[])?;
    }
    Ok(())
}
