//! The two accesses of the sender to the network: names and connections. Tests replace them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::net::{TcpStream, lookup_host};

/// Resolves host names.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of the name.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Opens connections.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Connects to exactly this address.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// The resolver of the operating system.
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // The port is part of the call only.
        Ok(lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Plain TCP, without a proxy.
pub struct TcpConnector;

#[async_trait]
impl Connect for TcpConnector {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}
