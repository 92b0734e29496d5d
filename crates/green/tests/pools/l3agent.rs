//! The network agent.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::{program, run};

/// No router is worked on twice at a time, the newest state wins, and what fails is tried five times.
#[test]
fn routers_are_processed_one_at_a_time_and_in_order() {
    let mut input = String::new();
    for timestamp in 1..=40 {
        for router in (0..20).chain(900..903) {
            writeln!(input, "{router} {} {timestamp}", timestamp % 3).unwrap();
        }
    }
    input.push_str("nonsense\n");
    let output = run(program::command("l3agent"), &input);
    let mut busy: HashMap<&str, &str> = HashMap::new();
    let mut last: HashMap<&str, u64> = HashMap::new();
    let mut most = 0;
    let (mut tries, mut given_up) = (HashMap::<_, u32>::new(), HashSet::new());
    let (lines, summary) = output.trim_end().rsplit_once('\n').unwrap();
    for line in lines.lines() {
        let (router, rest) = line.strip_prefix("router ").unwrap().split_once(": ").unwrap();
        let (what, timestamp) = rest.rsplit_once(' ').unwrap();
        if what == "begin" {
            assert_eq!(busy.insert(router, timestamp), None, "two at once: {line}");
            most = most.max(busy.len());
            continue;
        }
        assert_eq!(busy.remove(router), Some(timestamp), "{line}");
        match what {
            "end" => {
                let number = timestamp.parse().unwrap();
                assert!(last.insert(router, number) < Some(number), "{line} is stale");
            }
            "given up" | "failed" => {
                *tries.entry((router, timestamp)).or_default() += 1;
                if what == "given up" {
                    given_up.insert((router, timestamp));
                }
            }
            _ => panic!("{line}"),
        }
    }
    assert!(busy.is_empty());
    assert!((1..=32).contains(&most), "{most} at once");
    assert_eq!(last.len(), 20);
    assert!(last.values().all(|newest| *newest == 40), "{last:?}");
    assert!(tries.values().all(|tries| *tries == 5));
    assert_eq!((tries.len(), given_up.len()), (120, 120));
    let ends = lines.lines().filter(|line| line.contains(": end ")).count();
    assert_eq!(summary, format!("{} superseded", 20 * 40 - ends));
}

#[test]
fn an_agent_without_work_ends() {
    assert_eq!(run(program::command("l3agent"), ""), "0 superseded\n");
}
