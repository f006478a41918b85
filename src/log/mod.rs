//! Append-only transaction records, hash-chained, and their replay.
