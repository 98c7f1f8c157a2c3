//! Addresses that are never called. Each vector is sent, and nothing connects.

use std::time::Duration;

use pinbridge_shared::adapters::webhook_sender::{HttpsSender, Limits};
use pinbridge_shared::domain::webhook::sending::SendOutcome;
use pinbridge_shared::ports::WebhookSender;

use super::receiver::{accept, closed, listen, nobody_came};
use super::{FakeNetwork, LOCAL, PUBLIC, request};

/// `PORT` stands for a port on which somebody listens.
const LOOPBACK: [&str; 37] = [
    "https://127.0.0.1:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://127.1:PORT/",
    "https://127.0.1:PORT/",
    "https://127.000.000.001:PORT/",
    "https://2130706433:PORT/",
    "https://0x7f000001:PORT/",
    "https://0X7F000001:PORT/",
    "https://0x7f.1:PORT/",
    "https://0x7f.0x0.0x0.0x1:PORT/",
    "https://0x7f.0.0.1.:PORT/",
    "https://017700000001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://0177.0.0.01:PORT/",
    "https://00000177.0.0.1:PORT/",
    "https://0177.1:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://127%2e0%2e0%2e1:PORT/",
    "https://１２７.0.0.1:PORT/",
    "https://①②⑦.⓪.⓪.①:PORT/",
    "https://127。0。0。1:PORT/",
    "https://127．0．0．1:PORT/",
    "https://127｡0｡0｡1:PORT/",
    "https://127.0.0.2:PORT/",
    "https://127.255.255.254:PORT/",
    "https://0.0.0.0:PORT/",
    "https://0:PORT/",
    "https://0x0:PORT/",
    "https://00.0:PORT/",
    "https://[::1]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[::]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[::FFFF:0:127.0.0.1]:PORT/",
    "https://[64:ff9b::127.0.0.1]:PORT/",
];

const PRIVATE: [&str; 45] = [
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://167772161/",
    "https://0xa000001/",
    "https://012.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.254/",
    "https://192.168.0.1/",
    "https://3232235521/",
    "https://0xc0a80001/",
    "https://192.168.1/",
    "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "https://169.254.170.2/v2/credentials",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://169.254.43518/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://100.127.255.255/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://4294967295/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[100::1]/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
];

const OTHERS: [(&str, &[&str]); 5] = [
    (
        "https_required",
        &[
            "http://127.0.0.1:PORT/",
            "http://localhost:PORT/",
            "http://[::1]:PORT/",
            "http://example.com/",
            "http://example.com:443/",
            "ftp://127.0.0.1:PORT/",
            "gopher://127.0.0.1:PORT/_POST",
            "ws://127.0.0.1:PORT/",
            "dict://127.0.0.1:PORT/",
            "unix://var/run/docker.sock",
        ],
    ),
    (
        "internal_host",
        &[
            "https://localhost:PORT/",
            "https://LOCALHOST:PORT/",
            "https://localhost.:PORT/",
            "https://ｌｏｃａｌｈｏｓｔ:PORT/",
            "https://%6c%6f%63%61%6c%68%6f%73%74:PORT/",
            "https://a.localhost:PORT/",
            "https://a.localhost.:PORT/",
            "https://printer.local/",
            "https://metadata.google.internal/computeMetadata/v1/",
            "https://metadata.google.internal./computeMetadata/v1/",
            "https://ip-10-0-0-1.ec2.internal/",
            "https://1.0.0.127.in-addr.arpa/",
            "https://router.home.arpa/",
            "https://metadata/",
            "https://intranet:8443/",
        ],
    ),
    (
        "user_info_not_allowed",
        &[
            "https://user@127.0.0.1:PORT/",
            "https://user:secret@127.0.0.1:PORT/",
            "https://example.com@127.0.0.1:PORT/",
            "https://example.com:443@127.0.0.1:PORT/",
            "https://127.0.0.1@example.com/",
            "https://@127.0.0.1:PORT/",
            "https://:@example.com/",
            "https://a%40b@example.com/",
        ],
    ),
    (
        "port_not_allowed",
        &[
            "https://127.0.0.1:0/",
            "https://127.0.0.1:22/",
            "https://example.com:0/",
            "https://example.com:22/",
            "https://example.com:25/",
            "https://example.com:53/",
            "https://example.com:80/",
            "https://example.com:465/",
            "https://example.com:1023/",
            "https://example.com:00022/",
        ],
    ),
    (
        "invalid_url",
        &[
            "",
            "127.0.0.1:PORT",
            "//127.0.0.1:PORT/",
            "https:127.0.0.1:PORT/",
            "https:/127.0.0.1:PORT/",
            "https:///127.0.0.1:PORT/",
            "https:\\\\127.0.0.1:PORT\\",
            "https://example.com\\@127.0.0.1:PORT/",
            " https://127.0.0.1:PORT/",
            "https://127.0.0.1:PORT/ ",
            "https://127.0.\t0.1:PORT/",
            "https://127.0.0.1\u{ad}:PORT/",
            "https://127.0.0.1 example.com/",
            "https://127.0.0.1%20.example.com/",
            "https://127.0.0.1%00.example.com/",
            "https://127.0.0.1%2f.example.com/",
            "https://127..0.0.1:PORT/",
            "https://256.0.0.1:PORT/",
            "https://4294967296:PORT/",
            "https://0x100000000:PORT/",
            "https://1.2.3.4.5:PORT/",
            "https://[::1%25lo]:PORT/",
            "https://[::1:PORT/",
            "https://::1:PORT/",
            "https://example.com:65536/",
            "https://example.com:-1/",
            "file:///etc/passwd",
            "data:text/plain,a",
            "javascript:alert(1)",
        ],
    ),
];

/// Addresses that a name may resolve to.
const RESOLVED: [&str; 41] = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
];

fn refused(reason: &'static str) -> SendOutcome {
    SendOutcome::Refused { reason }
}

#[tokio::test]
async fn urls_that_are_closed_are_refused_before_anything_is_resolved() {
    let (listener, url) = listen().await;
    let leads_to = listener.local_addr().expect("an address");
    let port = leads_to.port().to_string();
    let network = FakeNetwork::new(leads_to, &[&["127.0.0.1"]]);
    let sender = network.sender(PUBLIC, Limits::default());
    let groups = [("private_address", &LOOPBACK as &[&str]), ("private_address", &PRIVATE as &[&str])];
    let mut vectors = 0;
    for (reason, urls) in groups.into_iter().chain(OTHERS) {
        for url in urls {
            let answer = sender.send(&request(&url.replace("PORT", &port))).await;
            assert_eq!(answer.outcome, refused(reason), "{url:?}");
            vectors += 1;
        }
    }
    let long = format!("https://127.0.0.1:{port}/{}", "a".repeat(2_048));
    assert_eq!(sender.send(&request(&long)).await.outcome, refused("url_too_long"));
    assert!(vectors >= 120, "{vectors}");
    assert!(network.resolved().is_empty());
    assert!(network.connected().is_empty());
    assert!(nobody_came(&listener).await);
    // The same network lets a request through where the rules do.
    let (sender, request) = (network.sender(LOCAL, Limits::default()), request(&url));
    let (answer, ()) = tokio::join!(sender.send(&request), async { drop(accept(&listener).await) });
    assert_eq!(answer.outcome, SendOutcome::Failed { reason: "closed" });
    assert_eq!(network.connected(), [leads_to]);
}

#[tokio::test]
async fn forms_of_this_machine_do_not_reach_it_over_the_real_network() {
    let (listener, url) = listen().await;
    let port = listener.local_addr().expect("an address").port().to_string();
    let sender = HttpsSender::new(PUBLIC);
    for form in LOOPBACK {
        let answer = sender.send(&request(&form.replace("PORT", &port))).await;
        assert_eq!(answer.outcome, refused("private_address"), "{form:?}");
    }
    for form in ["https://localhost:PORT/", "https://localhost.:PORT/", "https://a.localhost:PORT/"] {
        let answer = sender.send(&request(&form.replace("PORT", &port))).await;
        assert_eq!(answer.outcome, refused("internal_host"), "{form:?}");
    }
    assert!(nobody_came(&listener).await);
    // Somebody does listen there.
    let (sender, request) = (HttpsSender::new(LOCAL), request(&url));
    let (answer, ()) = tokio::join!(sender.send(&request), async { drop(accept(&listener).await) });
    assert_eq!(answer.outcome, SendOutcome::Failed { reason: "closed" });
}

#[tokio::test]
async fn a_name_with_one_closed_address_is_refused_wherever_it_stands() {
    let (listener, _) = listen().await;
    let leads_to = listener.local_addr().expect("an address");
    for ip in RESOLVED {
        for answer in [&[ip] as &[&str], &[ip, "1.1.1.1"], &["2606:4700::1111", "1.1.1.1", ip]] {
            let network = FakeNetwork::new(leads_to, &[answer]);
            let sent = network.sender(PUBLIC, Limits::default()).send(&request("https://hooks.example.com/")).await;
            assert_eq!(sent.outcome, refused("private_address"), "{answer:?}");
            assert_eq!(network.resolved(), ["hooks.example.com"]);
            assert!(network.connected().is_empty(), "{answer:?}");
        }
    }
    assert!(nobody_came(&listener).await);
}

#[tokio::test]
async fn the_local_stack_reaches_no_other_private_address() {
    let (listener, _) = listen().await;
    let leads_to = listener.local_addr().expect("an address");
    for ip in RESOLVED.into_iter().filter(|ip| !ip.starts_with("127.") && *ip != "::1") {
        let network = FakeNetwork::new(leads_to, &[&[ip]]);
        let sender = network.sender(LOCAL, Limits::default());
        for url in ["https://hooks.example.com/", "http://localhost:8080/"] {
            assert_eq!(sender.send(&request(url)).await.outcome, refused("private_address"), "{ip} of {url}");
        }
        assert!(network.connected().is_empty());
    }
    assert!(nobody_came(&listener).await);
}

#[tokio::test]
async fn an_answer_of_dns_counts_as_it_is_at_the_request() {
    let (listener, _) = listen().await;
    let leads_to = listener.local_addr().expect("an address");
    let network = FakeNetwork::new(leads_to, &[&["10.0.0.1"], &["1.1.1.1"]]);
    let sender = network.sender(PUBLIC, Limits { whole: Duration::from_millis(200), ..Limits::default() });
    let request = request("https://rebind.example.com/");
    assert_eq!(sender.send(&request).await.outcome, refused("private_address"));
    assert_eq!(network.resolved().len(), 1, "a refused name isn't resolved again");
    assert!(network.connected().is_empty());
    let (answer, ()) = tokio::join!(sender.send(&request), async { closed(accept(&listener).await).await });
    assert_eq!(answer.outcome, SendOutcome::Failed { reason: "timeout" });
    assert_eq!(network.connected().len(), 1, "now the name is public");
}
