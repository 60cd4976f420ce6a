//! What each sentence about evidence means, as tables.
