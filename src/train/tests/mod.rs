//! The loop with a task of three numbers: what it calls, what it writes, and that every
//! disturbance at every call leaves a run that ends like an undisturbed one.

mod extending;
mod failing;
mod fake;
mod interrupting;
mod killing;
mod lab;
mod order;
mod pausing;
mod saving;
