//! `MultiListener` as its users meet it: FEATURES A36 and §5.3.

mod clients;
mod ends;
mod handlers;
mod places;
mod support;
mod waiting;
