//! What a client does, drawn by chance.

use hyperion_sim::Random;

use crate::support::{get, post, post_chunked};

/// A client's plan: what it sends, and the answers that belong to it.
pub struct Plan {
    pub bytes: Vec<u8>,
    pub answers: Vec<String>,
}

pub fn plan(random: &mut Random, client: usize) -> Plan {
    let mut plan = Plan { bytes: Vec::new(), answers: Vec::new() };
    for number in 0..1 + random.below(4) {
        let path = format!("/{client}/{number}");
        let body = "b".repeat(1 + random.below(60));
        let (bytes, answer) = match random.below(5) {
            3 => (get("/native"), "native GET".to_owned()),
            4 => (post("/native", &body), "native POST".to_owned()),
            0 => (get(&path), format!("GET {path}")),
            1 => (post(&path, &body), format!("POST {path} {body}")),
            _ => {
                let size = 1 + random.below(20);
                (post_chunked(&path, &body, size), format!("POST {path} {body}"))
            }
        };
        plan.bytes.extend(bytes);
        plan.answers.push(answer);
    }
    plan
}
