//! The store on real files.

mod rows;
mod support;
