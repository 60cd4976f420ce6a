//! The store on real files.

#![cfg(test)]

mod damage;
mod durability;
mod rows;
mod support;
