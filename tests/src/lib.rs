//! Nothing here: the tests are in `it/`, `sdk/` and `simulation/`.
