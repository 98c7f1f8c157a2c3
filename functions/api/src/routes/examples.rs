//! The ids in the examples of the OpenAPI document. The examples share them, so that the answer of one fits the request
//! of the next. `tests/it/api/openapi.rs` sends the examples with real ids instead.

pub const WORKSPACE: &str = "00000000-0000-0000-0000-00000000000a";
pub const ACCOUNT: &str = "00000000-0000-0000-0000-00000000000b";
pub const BOARD: &str = "1000000000000000001";
pub const PIN: &str = "5e0e1f5a-7f4d-4a8e-9d55-0d3c5b3f2a10";
pub const KEY: &str = "3f2b8f0e-9a51-4f8b-8a3e-6c1d2e4f5a6b";
pub const IMPORT: &str = "0b1f6a52-5f0e-4a52-9c1b-6f1f6f0d7c11";
pub const SCHEDULE: &str = "7a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
pub const WEBHOOK: &str = "c2d3e4f5-0a1b-4c2d-9e3f-4a5b6c7d8e9f";
pub const DELIVERY: &str = "1f2e3d4c-5b6a-8798-8a7b-6c5d4e3f2a1b";
pub const REPLAY: &str = "4d5e6f7a-8b9c-4d0e-8f1a-2b3c4d5e6f7a";
