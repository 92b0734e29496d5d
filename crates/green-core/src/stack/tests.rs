use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::thread;

use super::*;
use crate::sys::{self, in_child};

/// A size of its own for each test, as the tests of this process share the process-wide store.
fn size(bytes: usize) -> StackSize {
    StackSize::new(bytes).unwrap()
}

fn fresh(pool: &StackPool, size: StackSize) -> Stack {
    pool.take(pool.reserve(size).unwrap()).unwrap()
}

/// Writes to the page of a stack that begins `depth` bytes below its end.
fn touch(stack: &Stack, depth: usize) {
    let addr = stack.bottom().wrapping_add(stack.size().bytes() - depth);
    // SAFETY: the address belongs to the stack, which the test owns and nobody runs on.
    unsafe { addr.write_volatile(1) };
}

/// Counts the pages of a stack that are in memory.
fn resident_pages(stack: &Stack) -> usize {
    let mut pages = vec![0_u8; stack.size().bytes() / sys::page_size()];
    // SAFETY: the range belongs to the stack, and `pages` has one byte for each of its pages.
    let result = unsafe { libc::mincore(stack.bottom().cast(), stack.size().bytes(), pages.as_mut_ptr()) };
    assert_eq!(result, 0);
    pages.iter().filter(|page| **page & 1 == 1).count()
}

/// Returns a line of `/proc/self/status`, in KiB.
fn status(key: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Does what a hub does that is idle for long.
fn trim(pool: &StackPool) {
    pool.trim();
    while pool.give_back_some() {}
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_stack_is_usable_from_end_to_end() {
    let pool = StackPool::new();
    for bytes in [0, 20 << 10, 2 << 20] {
        let stack = fresh(&pool, size(bytes));
        let (bottom, top, len) = (stack.bottom().addr(), stack.top().addr(), stack.size().bytes());
        assert!(top.is_multiple_of(64) && top > bottom + len - sys::page_size() && top <= bottom + len);
        assert!(stack.contains(bottom) && stack.contains(top - 1) && stack.contains(bottom + len - 1));
        assert!(!stack.contains(bottom - 1) && !stack.contains(bottom + len));
        for depth in (sys::page_size()..=len).step_by(sys::page_size()) {
            touch(&stack, depth);
        }
        assert_eq!(resident_pages(&stack), len / sys::page_size());
        pool.give(stack);
    }
}

#[test]
fn tops_use_different_cache_lines_and_leave_most_of_a_page() {
    let pool = StackPool::new();
    let stacks: Vec<Stack> = (0..64).map(|_| fresh(&pool, size(28 << 10))).collect();
    let lines: HashSet<usize> = stacks.iter().map(|stack| stack.top().addr() % sys::page_size()).collect();
    assert!(lines.len() >= 16);
    assert!(stacks.iter().all(|stack| (stack.top().addr() - 1) % sys::page_size() >= 2560));
    stacks.into_iter().for_each(|stack| pool.give(stack));
}

#[test]
fn the_stack_given_last_is_taken_first() {
    let pool = StackPool::new();
    let stacks: Vec<Stack> = (0..3).map(|_| fresh(&pool, size(40 << 10))).collect();
    let tops: Vec<*mut u8> = stacks.iter().map(Stack::top).collect();
    stacks.into_iter().for_each(|stack| pool.give(stack));
    let again: Vec<Stack> = (0..3).map(|_| fresh(&pool, size(40 << 10))).collect();
    assert!(again.iter().map(Stack::top).eq(tops.into_iter().rev()));
    again.into_iter().for_each(|stack| pool.give(stack));
}

#[test]
fn a_dropped_stack_is_not_handed_out_again() {
    let pool = StackPool::new();
    let leaked = fresh(&pool, size(48 << 10));
    let top = leaked.top();
    touch(&leaked, 8);
    {
        let _leaked = leaked;
    }
    let others: Vec<Stack> = (0..100).map(|_| fresh(&pool, size(48 << 10))).collect();
    assert!(others.iter().all(|stack| stack.top() != top));
    others.into_iter().for_each(|stack| pool.give(stack));
    drop(pool);
    assert!(is_readable(top.wrapping_sub(1)));
}

#[test]
fn a_credit_is_good_in_every_pool() {
    let here = StackPool::new();
    let credits: Vec<Credit> = (0..200).map(|_| here.reserve(size(56 << 10)).unwrap()).collect();
    let stacks = thread::spawn(move || {
        let there = StackPool::new();
        credits.into_iter().map(|credit| there.take(credit).unwrap()).collect::<Vec<_>>()
    });
    let stacks = stacks.join().unwrap();
    assert_eq!(stacks.iter().map(Stack::top).collect::<HashSet<_>>().len(), 200);
    stacks.into_iter().for_each(|stack| here.give(stack));
}

/// Hubs do all that they can do with credits and stacks, in some random order; no promise is broken and no stack handed
/// out twice.
#[test]
fn every_credit_finds_a_slot() {
    let sizes = [size(80 << 10), size(96 << 10)];
    let mut pools: Vec<StackPool> = (0..3).map(|_| StackPool::new()).collect();
    let (mut credits, mut stacks) = (Vec::new(), HashMap::new());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as usize % below
    };
    for step in 0..200_000 {
        let pool = random(pools.len());
        // Alternate between more and fewer stacks.
        let growing = step / 20_000 % 2 == 0;
        match random(20) {
            0..6 => credits.push(pools[pool].reserve(sizes[random(2)]).unwrap()),
            6..12 if !credits.is_empty() => {
                let credit = credits.swap_remove(random(credits.len()));
                let stack = pools[pool].take(credit).unwrap();
                assert!(stacks.insert(stack.top(), stack).is_none());
            }
            12..16 if !stacks.is_empty() => {
                let many = if growing { 1 } else { 3 };
                let tops: Vec<*mut u8> = stacks.keys().copied().take(many).collect();
                tops.iter().for_each(|top| pools[pool].give(stacks.remove(top).unwrap()));
            }
            16 if !credits.is_empty() => drop(credits.swap_remove(random(credits.len()))),
            17 if !credits.is_empty() => {
                let credit = credits.swap_remove(random(credits.len()));
                pools[pool].release(credit);
            }
            18 => match random(4) {
                0 => pools[pool].trim(),
                1 => pools[pool].tend(step << 20),
                _ => drop(pools[pool].give_back_some()),
            },
            19 if random(1000) == 0 => pools[pool] = StackPool::new(),
            19 if random(1000) == 0 => pools[pool].clear(),
            _ => {}
        }
    }
    stacks.into_values().for_each(|stack| pools[0].give(stack));
}

#[test]
fn an_idle_hub_keeps_only_the_hot_pages() {
    let pool = StackPool::new();
    let stacks: Vec<Stack> = (0..10).map(|_| fresh(&pool, size(1 << 20))).collect();
    for stack in stacks {
        for depth in (sys::page_size()..=stack.size().bytes()).step_by(sys::page_size()) {
            touch(&stack, depth);
        }
        assert_eq!(resident_pages(&stack), stack.size().bytes() / sys::page_size());
        pool.give(stack);
    }
    trim(&pool);
    let stacks: Vec<Stack> = (0..10).map(|_| fresh(&pool, size(1 << 20))).collect();
    for stack in stacks {
        assert_eq!(resident_pages(&stack), 8);
        pool.give(stack);
    }
}

const SECOND: u64 = 1_000_000_000;
/// Between two times that a busy hub gives some back.
const PACE: u64 = 500_000;

fn several(pool: &StackPool, size: StackSize, count: usize) -> Vec<Stack> {
    let stacks: Vec<Stack> = (0..count).map(|_| fresh(pool, size)).collect();
    stacks.iter().for_each(|stack| touch(stack, 8));
    stacks
}

/// Returns how many pages the process has, less `before` KiB, in thousands of stacks that have one each.
fn thousands(before: usize) -> usize {
    (status("VmRSS").saturating_sub(before) / 4 + 500) / 1000
}

#[test]
fn a_busy_hub_gives_back_what_it_has_not_needed_for_a_while() {
    let output = in_child("stack::tests::a_busy_hub_gives_back_what_it_has_not_needed_for_a_while", || {
        let size = size(64 << 10);
        let pool = StackPool::new();
        let mut now = SECOND;
        let mut tend = |pool: &StackPool, passed: u64| {
            now += passed;
            pool.tend(now);
        };
        let before = status("VmRSS");
        several(&pool, size, 20_000).into_iter().for_each(|stack| pool.give(stack));
        tend(&pool, 0);
        tend(&pool, SECOND - 1);
        assert_eq!(thousands(before), 20, "all are kept for a second");
        // Half of them were needed meanwhile.
        several(&pool, size, 10_000).into_iter().for_each(|stack| pool.give(stack));
        (0..10).for_each(|_| tend(&pool, PACE));
        assert!(thousands(before) >= 19, "they go a few at a time");
        (0..(20_000 - 10_000 - 4096) / 64).for_each(|_| tend(&pool, PACE));
        assert_eq!(thousands(before), 14);
        // What is put aside is taken before cold ones are.
        tend(&pool, SECOND);
        tend(&pool, PACE);
        let taken: Vec<Stack> = (0..14_096 - 64).map(|_| fresh(&pool, size)).collect();
        assert!(taken.iter().all(|stack| resident_pages(stack) == 1));
        taken.into_iter().for_each(|stack| pool.give(stack));
        (0..200).for_each(|_| tend(&pool, SECOND));
        assert_eq!(thousands(before), 4);
        assert!(!pool.needs_tending());
    });
    assert_success(&output);
}

#[test]
fn what_another_hub_would_take_cold_is_given_back_at_once() {
    let output = in_child("stack::tests::what_another_hub_would_take_cold_is_given_back_at_once", || {
        let size = size(64 << 10);
        let (here, there) = (StackPool::new(), StackPool::new());
        let before = status("VmRSS");
        several(&here, size, 20_000).into_iter().for_each(|stack| here.give(stack));
        here.tend(SECOND);
        here.tend(SECOND + PACE);
        assert_eq!(thousands(before), 20);
        there.give(fresh(&there, size));
        (0..(20_000 - 4096) / 64 + 2).for_each(|_| here.tend(SECOND + 2 * PACE));
        assert_eq!(thousands(before), 4);
    });
    assert_success(&output);
}

#[test]
fn where_stacks_are_few_a_hub_does_not_keep_them_from_others() {
    let output = in_child("stack::tests::where_stacks_are_few_a_hub_does_not_keep_them_from_others", || {
        limit_address_space((status("VmSize") << 10) + (4 << 30));
        let [one, other] = [size(64 << 10), size(80 << 10)];
        let (here, there) = (StackPool::new(), StackPool::new());
        let before = status("VmRSS");
        several(&here, one, 20_000).into_iter().for_each(|stack| here.give(stack));
        assert!(thousands(before) <= 4);
        // Other sizes, and other hubs, get nearly all that there is.
        let count = (4 << 30) / (68 << 10) - 4096 - 1024;
        several(&there, one, count).into_iter().for_each(|stack| there.give(stack));
        several(&here, other, count * 5 / 7).into_iter().for_each(|stack| here.give(stack));
    });
    assert_success(&output);
}

#[test]
fn a_busy_hub_trims_deep_stacks_too() {
    let pool = StackPool::new();
    let size = size(1280 << 10);
    let stacks: Vec<Stack> = (0..20).map(|_| fresh(&pool, size)).collect();
    for stack in stacks {
        touch(&stack, 500 << 10);
        pool.give(stack);
    }
    // One sample finds out, and the next ones follow closely.
    for _ in 0..1021 + 20 * 13 {
        pool.give(fresh(&pool, size));
    }
    let stacks: Vec<Stack> = (0..20).map(|_| fresh(&pool, size)).collect();
    // The topmost page may be there, as cold stacks get theirs ahead.
    assert!(stacks.iter().all(|stack| resident_pages(stack) <= 1));
    stacks.into_iter().for_each(|stack| pool.give(stack));
}

/// On some kernels guards are single mappings, which must stay below a limit: here on any.
#[test]
fn without_guard_markers_the_limit_of_mappings_is_an_error() {
    let output = in_child("stack::tests::without_guard_markers_the_limit_of_mappings_is_an_error", || {
        sys::force_mprotect();
        let pool = StackPool::new();
        let size = size(64 << 10);
        let mut stacks = Vec::new();
        let error = loop {
            match pool.reserve(size) {
                // What was promised is kept.
                Ok(credit) => stacks.push(pool.take(credit).unwrap()),
                Err(error) => break error,
            }
        };
        let limit: usize = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
        let mappings = fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        assert!(mappings <= limit - limit / 9, "{mappings} of {limit} mappings");
        assert!(stacks.len() > limit / 3, "{} stacks", stacks.len());
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        // Others find room.
        thread::spawn(|| vec![1_u8; 64 << 20]).join().unwrap();
        // A stack that ends makes room for one to start.
        pool.give(stacks.pop().unwrap());
        stacks.push(fresh(&pool, size));
        pool.reserve(size).unwrap_err();
        // Stacks that all end make room for those of another size.
        stacks.into_iter().for_each(|stack| pool.give(stack));
        let others: Vec<Stack> = (0..10_000).map(|_| fresh(&pool, StackSize::new(32 << 10).unwrap())).collect();
        assert_eq!(others.len(), 10_000);
    });
    assert_success(&output);
}

#[test]
fn without_guard_markers_guards_guard() {
    let output = in_child("stack::tests::without_guard_markers_guards_guard", || {
        sys::force_mprotect();
        touch_guard();
    });
    assert_overflow(&output);
}

#[test]
fn guards_guard() {
    let output = in_child("stack::tests::guards_guard", touch_guard);
    assert_overflow(&output);
}

/// Overflows a stack that was used, trimmed and used again.
fn touch_guard() {
    sys::install_overflow_handler(|write| write(b"deep thought")).unwrap();
    let pool = StackPool::new();
    for _ in 0..2 {
        let stacks: Vec<Stack> = (0..1500).map(|_| fresh(&pool, size(64 << 10))).collect();
        stacks.iter().for_each(|stack| touch(stack, 64 << 10));
        stacks.into_iter().for_each(|stack| pool.give(stack));
        trim(&pool);
    }
    let stacks: Vec<Stack> = (0..1500).map(|_| fresh(&pool, size(64 << 10))).collect();
    for stack in stacks {
        assert!(is_readable(stack.bottom()));
        assert!(!is_readable(stack.bottom().wrapping_sub(1)));
        assert!(!is_readable(stack.bottom().wrapping_sub(sys::page_size())));
        pool.give(stack);
    }
    let stack = fresh(&pool, size(64 << 10));
    // SAFETY: the address is mapped; the access faults, as it should, and does not return.
    unsafe { stack.bottom().wrapping_sub(1).write_volatile(1) };
}

/// Asks the kernel, which does not mind a fault.
fn is_readable(addr: *mut u8) -> bool {
    // SAFETY: a path that the kernel cannot read is an error of the call and nothing else.
    let result = unsafe { libc::access(addr.cast(), libc::F_OK) };
    result == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EFAULT)
}

fn assert_overflow(output: &Output) {
    let message = String::from_utf8_lossy(&output.stderr);
    let expected = "\nthread 'deep thought' (green) has overflowed its stack\nstack size: 65536 bytes\n\
                    fatal runtime error: stack overflow, aborting\n";
    assert!(message.ends_with(expected), "{message}");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
}

#[test]
fn a_limit_of_address_space_is_an_error_and_nothing_is_lost() {
    let output = in_child("stack::tests::a_limit_of_address_space_is_an_error_and_nothing_is_lost", || {
        let size = size(2 << 20);
        let pool = StackPool::new();
        let in_use = status("VmSize") << 10;
        limit_address_space(in_use + (256 << 20));
        let mut stacks = Vec::new();
        let error = loop {
            match pool.reserve(size) {
                Ok(credit) => stacks.push(pool.take(credit).unwrap()),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::ENOMEM), "{error}");
        // All the space was used for stacks, although slabs get larger and larger.
        assert!((124..=128).contains(&stacks.len()), "{} stacks", stacks.len());
        for stack in &stacks {
            touch(stack, 8);
        }
        for _ in 0..3 {
            pool.reserve(size).unwrap_err();
            pool.give(stacks.pop().unwrap());
            // Another hub has none left, and this one gives up what it keeps for a credit.
            let credit = pool.reserve(size).unwrap();
            stacks.push(StackPool::new().take(credit).unwrap());
        }
        limit_address_space(in_use + (512 << 20));
        stacks.push(fresh(&pool, size));
    });
    assert_success(&output);
}

fn limit_address_space(bytes: usize) {
    let limit = libc::rlimit { rlim_cur: bytes as libc::rlim_t, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid rlimit for the length of the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

/// With a mapping or two for each stack this would end at 32,750 of them.
#[test]
fn guarded_stacks_outnumber_mappings() {
    let output = in_child("stack::tests::guarded_stacks_outnumber_mappings", || {
        let pool = StackPool::new();
        let stacks: Vec<Stack> = (0..80_000).map(|_| fresh(&pool, size(64 << 10))).collect();
        assert!(fs::read_to_string("/proc/self/maps").unwrap().lines().count() < 1000);
        for stack in stacks.iter().step_by(1000) {
            assert!(!is_readable(stack.bottom().wrapping_sub(1)));
        }
    });
    // Older kernels refuse with the error that another test provokes.
    assert!(output.status.success() || String::from_utf8_lossy(&output.stderr).contains("MapCountReached"));
}

/// Returns whether the kernel gives page tables back that are empty: Linux 6.14 and later, on this architecture.
fn frees_page_tables() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    std::env::consts::ARCH == "x86_64" && (numbers.next(), numbers.next()) >= (Some(6), Some(14))
}

#[test]
fn memory_is_given_back_after_a_peak() {
    let output = in_child("stack::tests::memory_is_given_back_after_a_peak", || {
        // Each of the large ones has a page table, too.
        for (bytes, count, most_tables) in [(64 << 10, 20_000, 2048), (2 << 20, 5_000, 8192)] {
            let size = size(bytes);
            let pools = [StackPool::new(), StackPool::new()];
            let before = status("VmRSS");
            for _ in 0..3 {
                let mut stacks = several(&pools[0], size, count);
                assert!(status("VmRSS") > before + count * 4);
                // They end in some other order than they began in.
                for step in [7, 3, 2, 1] {
                    let (ended, running): (Vec<_>, Vec<_>) =
                        stacks.into_iter().enumerate().partition(|(index, _)| index % step == 0);
                    ended.into_iter().for_each(|(index, stack)| pools[index % 2].give(stack));
                    stacks = running.into_iter().map(|(_, stack)| stack).collect();
                }
                // Two hubs keep 256 pages each, and the heap some of its own.
                pools.iter().for_each(trim);
                let (after, page_tables) = (status("VmRSS"), status("VmPTE"));
                assert!(after < before + 2 * 256 * 4 + 4096, "{before} KiB before, {after} KiB after");
                // Those of the 512 that are kept: of large ones two each, instead of 20 MB for all.
                let is_owed = bytes < 2 << 20 || frees_page_tables();
                assert!(page_tables < most_tables || !is_owed, "{page_tables} KiB of page tables");
            }
        }
    });
    assert_success(&output);
}
