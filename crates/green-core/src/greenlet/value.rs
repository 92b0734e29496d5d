//! What travels with a switch: `Value`, and the `Exit` that ends a greenlet.

use std::any::{Any, TypeId};
use std::fmt;

/// The payload of the unwinding that ends a greenlet on purpose.
///
/// [`Greenlet::kill`](super::Greenlet::kill) and the drop of a greenlet's last handle throw it. A greenlet that
/// unwinds with it to its end passes [`Value::Exit`] to its parent, instead of the panic that any other payload is.
///
/// # Examples
///
/// ```
/// use green_core::greenlet::{Exit, Greenlet};
///
/// let quitter = Greenlet::new(|_| -> () { std::panic::resume_unwind(Box::new(Exit)) });
/// assert!(quitter.switch(()).is_exit());
/// assert!(quitter.is_dead());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exit;

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the greenlet was killed")
    }
}

impl std::error::Error for Exit {}

/// What one greenlet passes to another with a switch.
///
/// [`Value::new`] makes one of anything; `switch` and the return of a greenlet's closure do so by themselves. The unit
/// value never allocates, nor does any other type without size.
///
/// # Examples
///
/// ```
/// use green_core::greenlet::Value;
///
/// assert_eq!(Value::new(7).take::<i32>().unwrap(), 7);
/// // The wrong type gives the value back.
/// let word = Value::new("word").take::<i32>().unwrap_err();
/// assert_eq!(word.take::<&str>().unwrap(), "word");
/// assert!(Value::new(()).is_unit());
/// ```
#[derive(Default)]
pub enum Value {
    /// Nothing but the switch itself.
    #[default]
    Unit,
    /// The sender ended with [`Exit`].
    Exit,
    /// Anything.
    Any(Box<dyn Any>),
}

impl Value {
    /// Makes a value of anything. A `Value` stays what it is, `()` becomes `Unit`, `Exit` becomes `Exit`, and a
    /// `Box<dyn Any>` is not boxed again.
    #[inline]
    pub fn new<T: 'static>(value: T) -> Self {
        // The comparisons are constants once `T` is known, so nothing of this is left but the one case.
        let kind = TypeId::of::<T>();
        if kind == TypeId::of::<()>() {
            return Value::Unit;
        }
        if kind == TypeId::of::<Exit>() {
            return Value::Exit;
        }
        let value = match convert::<T, Value>(value) {
            Ok(same) => return same,
            Err(value) => value,
        };
        match convert::<T, Box<dyn Any>>(value) {
            Ok(boxed) => Value::Any(boxed),
            Err(value) => Value::Any(Box::new(value)),
        }
    }

    /// Takes the value out if it is a `T`.
    ///
    /// # Errors
    ///
    /// The value, if it is something else.
    pub fn take<T: 'static>(self) -> Result<T, Value> {
        match self {
            Value::Any(any) => any.downcast().map(|value| *value).map_err(Value::Any),
            Value::Unit => convert(()).map_err(|()| Value::Unit),
            Value::Exit => convert(Exit).map_err(|_| Value::Exit),
        }
    }

    /// Returns a reference to the value if it is a `T`.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        match self {
            Value::Any(any) => any.downcast_ref(),
            Value::Unit => (&() as &dyn Any).downcast_ref(),
            Value::Exit => (&Exit as &dyn Any).downcast_ref(),
        }
    }

    /// Returns true for a `T`.
    pub fn is<T: 'static>(&self) -> bool {
        self.downcast_ref::<T>().is_some()
    }

    /// Returns true if there is nothing but the switch itself.
    pub fn is_unit(&self) -> bool {
        matches!(self, Value::Unit)
    }

    /// Returns true if the sender ended with [`Exit`].
    pub fn is_exit(&self) -> bool {
        matches!(self, Value::Exit)
    }
}

/// Returns the value as what it is, if both types are one.
#[inline]
fn convert<From: 'static, To: 'static>(value: From) -> Result<To, From> {
    let mut value = Some(value);
    match (&mut value as &mut dyn Any).downcast_mut::<Option<To>>() {
        Some(same) => Ok(same.take().expect("the value was put there just now")),
        None => Err(value.expect("the value was put there just now")),
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unit => f.write_str("Unit"),
            Value::Exit => f.write_str("Exit"),
            Value::Any(_) => f.debug_tuple("Any").finish_non_exhaustive(),
        }
    }
}

macro_rules! from {
    ($($type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::new(value)
            }
        }
    )*};
}

// Not for every `T`: that would be a second `From<Value>`. `Value::new` takes them all.
from!((), Exit, bool, char, i32, i64, isize, u8, u32, u64, usize, f64, &'static str, String, Box<dyn Any>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_out_as_it_went_in() {
        assert!(Value::new(()).is_unit());
        assert!(Value::new(Exit).is_exit());
        assert!(Value::new(Value::new(Value::Exit)).is_exit());
        assert_eq!(Value::new(Value::new(3_u8)).take::<u8>().unwrap(), 3);
        assert_eq!(Value::new(Box::new(4_u16) as Box<dyn Any>).take::<u16>().unwrap(), 4);
        assert_eq!(Value::from("s").take::<&str>().unwrap(), "s");
        assert_eq!(Value::new((1, "two", 3.0)).take::<(i32, &str, f64)>().unwrap(), (1, "two", 3.0));
        Value::new(()).take::<()>().unwrap();
        assert_eq!(Value::Exit.take::<Exit>().unwrap(), Exit);
    }

    #[test]
    fn the_wrong_type_loses_nothing() {
        assert!(Value::Unit.take::<Exit>().unwrap_err().is_unit());
        assert!(Value::Exit.take::<()>().unwrap_err().is_exit());
        let text = Value::new(String::from("kept")).take::<&str>().unwrap_err();
        assert!(text.is::<String>() && !text.is::<&str>());
        assert_eq!(text.take::<String>().unwrap(), "kept");
    }

    #[test]
    fn debug_shows_the_kind() {
        assert_eq!(format!("{:?} {:?} {:?}", Value::Unit, Value::Exit, Value::new(1)), "Unit Exit Any(..)");
    }
}
