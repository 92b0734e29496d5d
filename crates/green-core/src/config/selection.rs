//! What the program itself has chosen to run green, before the settings are fixed: `green::patch`'s part of them.
//!
//! The environment goes before the program: whoever starts a program with `GREEN=off` wants to see it plain, and the
//! program's own choice is what it does otherwise.

use super::{Config, ConfigError, INSTALLED, variables};
use crate::mode::{self, Facilities, Mode};
use crate::process_lock::ProcessLock;

/// What the program has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Whether threads are green.
    pub(crate) mode: Option<Mode>,
    /// What is green besides, if that was said.
    pub(crate) green: Option<Facilities>,
}

struct State {
    selection: Selection,
    /// True once the settings were made of it.
    fixed: bool,
}

static STATE: ProcessLock<State> =
    ProcessLock::new(State { selection: Selection { mode: None, green: None }, fixed: false });

/// Takes the lock of the selection, until the value is dropped: for a fork.
pub(super) fn hold() -> impl Sized {
    STATE.lock()
}

/// Changes the selection by `change`, which is told the present one and whether the settings are fixed already, and
/// returns the new one or why not.
pub(crate) fn select<E>(change: impl FnOnce(Selection, bool) -> Result<Selection, E>) -> Result<(), E> {
    let mut state = STATE.lock();
    let fixed = state.fixed || INSTALLED.get().is_some();
    state.selection = change(state.selection, fixed)?;
    Ok(())
}

/// Makes the settings of the process, for good.
pub(super) fn fix() -> Result<Config, ConfigError> {
    let selection = {
        let mut state = STATE.lock();
        state.fixed = true;
        state.selection
    };
    let config = resolve(selection)?;
    mode::set_plain(config.plain);
    Ok(config)
}

/// Returns the settings as they are, or would be if they were fixed now.
pub(crate) fn effective() -> Result<Config, ConfigError> {
    match INSTALLED.get() {
        Some(settings) => settings.clone(),
        None => {
            let selection = STATE.lock().selection;
            resolve(selection)
        }
    }
}

fn resolve(selection: Selection) -> Result<Config, ConfigError> {
    let mut config = Config::from_env()?;
    if let Some(mode) = selection.mode.filter(|_| !variables::names_mode()) {
        config.mode = mode;
    }
    if let Some(green) = selection.green {
        config.plain = config.plain | Facilities::ALL.without(green);
    }
    Ok(config)
}
