//! Recordings of real agents with the truth beside them: what they did, and when.
//!
//! Owns a terminal that is recorded while an agent is driven on it ([`stage`]), the scenes that every
//! agent plays ([`scenes`]: usual ones, and rare and odd ones that the rules are not made from), how each agent's screen tells what it shows ([`looks`]), and the files
//! ([`cast`]). The rules here are no rules of the product: they say when a dialog that was brought
//! up on purpose is drawn, so that the product can be judged. Does not know how it is.
//!
//! The truth is known from outside: a turn begins when Enter is pressed, ends after the model said its
//! last word or somebody pressed Esc, and an approval ends when it is answered. What is only seen
//! on the screen has a time before which it cannot have been (`not_before`).

pub mod cast;
pub mod looks;
mod odd;
mod rare;
pub mod scenes;
pub mod stage;
mod usual;
