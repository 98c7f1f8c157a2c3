//! Pages for people, compared with the code that they describe.

mod errors;
mod events;
mod limits;
mod runbooks;
mod samples;
mod settings;
