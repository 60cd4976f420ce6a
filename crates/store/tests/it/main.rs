//! The store on real files.

#![cfg(test)]

mod damage;
mod durability;
mod golden;
mod rows;
mod support;
