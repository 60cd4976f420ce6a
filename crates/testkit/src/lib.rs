//! Development only: what tests and benchmarks of several rooms share.

pub mod rig;
