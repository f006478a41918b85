//! A table of conversions, for types that many others become.

/// `From` for a type, a line for each type that becomes it.
macro_rules! conversions {
    ($to:ident: $($(#[$doc:meta])* $from:ty, $x:ident => $made:expr;)*) => {
        $(impl From<$from> for $to {
            $(#[$doc])*
            fn from($x: $from) -> $to {
                $made
            }
        })*
    };
}
