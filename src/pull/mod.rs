//! Patterns and entities: nested data from facts.
