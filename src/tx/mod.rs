//! Transaction data becomes datoms: parse -> expand -> resolve -> check.
