//! The bare switch of the crate `context`, without anything around it.

use std::mem::ManuallyDrop;

use context::stack::ProtectedFixedSizeStack;
use context::{Context, Transfer};

/// A stack that always switches back at once.
pub(crate) struct Echo {
    context: Option<Context>,
    /// Never unmapped: what runs on it is left in the middle.
    _stack: ManuallyDrop<ProtectedFixedSizeStack>,
}

impl Echo {
    pub(crate) fn new() -> Self {
        let stack = ManuallyDrop::new(ProtectedFixedSizeStack::default());
        // SAFETY: the stack stays mapped for ever, and `echo` never returns.
        let context = unsafe { Context::new(&stack, echo) };
        Self { context: Some(context), _stack: stack }
    }

    /// Sends `value` there; returns one more than it.
    #[inline(always)]
    pub(crate) fn there_and_back(&mut self, value: usize) -> usize {
        let context = self.context.take().expect("it came back");
        // SAFETY: the context was made by `new` or left by the last switch, on this OS thread (I2), and was taken out.
        let transfer = unsafe { context.resume(value) };
        self.context = Some(transfer.context);
        transfer.data
    }
}

extern "C" fn echo(mut transfer: Transfer) -> ! {
    loop {
        // SAFETY: `there_and_back` waits for just this, and its context was made by the switch that came here.
        transfer = unsafe { transfer.context.resume(transfer.data + 1) };
    }
}
