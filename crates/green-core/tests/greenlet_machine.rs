//! What the machine sees of greenlets: registers, stacks, numbers. And the generators that one can build of them.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::rc::Rc;

use green_core::greenlet::{self, Greenlet, Value};

fn int(value: Value) -> i64 {
    value.take().expect("an i64")
}

/// Keeps many values alive across a switch, so that callee-saved registers and the stack are both in play.
#[inline(never)]
fn many_live_values(seed: i64, switch: &dyn Fn()) {
    let (a, b, c, d, e) = (seed, seed * 3, seed * 5, seed * 7, seed * 11);
    let (f, g, h, i, j) = (seed ^ 1, seed ^ 2, seed ^ 4, seed ^ 8, seed ^ 16);
    let (x, y, z) = (seed as f64 * 0.5, seed as f64 * 0.25, seed as f64 * 0.125);
    switch();
    assert_eq!((a, b, c, d, e), (seed, seed * 3, seed * 5, seed * 7, seed * 11));
    assert_eq!((f, g, h, i, j), (seed ^ 1, seed ^ 2, seed ^ 4, seed ^ 8, seed ^ 16));
    assert_eq!((x, y, z), (seed as f64 * 0.5, seed as f64 * 0.25, seed as f64 * 0.125));
}

#[test]
fn registers_and_frames_survive_switches() {
    let main = greenlet::current();
    let back = main.clone();
    let g = Greenlet::new(move |_| {
        for seed in 0..1000 {
            let back = back.clone();
            many_live_values(black_box(seed), &move || drop(back.switch(())));
        }
    });
    for seed in 0..1000 {
        let g = g.clone();
        many_live_values(black_box(-seed), &move || drop(g.switch(())));
    }
    g.switch(());
    assert!(g.is_dead());
}

#[cfg(target_arch = "x86_64")]
#[test]
#[expect(unsafe_code, reason = "Rust has no other way to the control words")]
fn float_control_words_belong_to_the_greenlet() {
    use std::arch::asm;

    /// The control bits of MXCSR: masks, rounding, flush to zero; without the sticky flags.
    const CONTROL: u32 = 0xffc0;

    fn mxcsr() -> u32 {
        let mut word = 0_u32;
        // SAFETY: stores four bytes into `word`.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack)) };
        word & CONTROL
    }
    fn x87() -> u16 {
        let mut word = 0_u16;
        // SAFETY: stores two bytes into `word`.
        unsafe { asm!("fnstcw [{}]", in(reg) &raw mut word, options(nostack)) };
        word
    }
    fn set(mxcsr: u32, x87: u16) {
        // SAFETY: all exceptions stay masked, and the rounding modes are put back by the caller before any arithmetic.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack)) };
        // SAFETY: likewise.
        unsafe { asm!("fldcw [{}]", in(reg) &raw const x87, options(nostack)) };
    }

    let (normal, normal_x87) = (mxcsr(), x87());
    let (upward, upward_x87) = (normal | 0x4000, normal_x87 | 0x0800);
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        assert_eq!((mxcsr(), x87()), (normal, normal_x87), "a new one has its maker's");
        set(upward, upward_x87);
        main.switch(());
        let found = (mxcsr(), x87());
        set(normal, normal_x87);
        assert_eq!(found, (upward, upward_x87));
    });
    g.switch(());
    assert_eq!((mxcsr(), x87()), (normal, normal_x87));
    g.switch(());
    assert_eq!((mxcsr(), x87()), (normal, normal_x87));
    assert!(g.is_dead());
}

#[test]
fn a_big_stack_holds_deep_recursion() {
    #[inline(never)]
    fn depth(levels: u32) -> u64 {
        let frame = black_box([u64::from(levels); 16]);
        if levels == 0 { frame[0] } else { depth(levels - 1) + frame[15] - u64::from(levels) + 1 }
    }
    // More than 64 MiB of frames, far beyond the default stack.
    let g = Greenlet::builder().stack_size(512 << 20).build(|_| depth(500_000));
    assert_eq!(g.switch(()).take::<u64>().unwrap(), 500_000);
}

/// greenlet's `test_stack_saved`.
#[test]
fn stacks_keep_what_is_on_them() {
    let greenlets: Vec<_> = (0..100_u8)
        .map(|n| {
            let main = greenlet::current();
            Greenlet::new(move |_| {
                let array = black_box([n; 4096]);
                main.switch(());
                assert!(array.iter().all(|&byte| byte == n));
            })
        })
        .collect();
    for round in 0..2 {
        for g in &greenlets {
            g.switch(());
            assert_eq!(g.is_dead(), round == 1);
        }
    }
}

#[test]
fn ten_thousand_greenlets_form_a_ring() {
    const COUNT: usize = 10_000;
    let ring: Rc<RefCell<Vec<Greenlet>>> = Rc::default();
    let main = greenlet::current();
    for n in 0..COUNT {
        let (all, main) = (Rc::clone(&ring), main.clone());
        let make = move |mut value: Value| -> Value {
            loop {
                let sum = int(value) + 1;
                let next = all.borrow().get(n + 1).cloned().unwrap_or_else(|| main.clone());
                value = next.switch(sum);
            }
        };
        let g = Greenlet::builder().stack_size(16 << 10).build(make);
        // Dropping the ring must not need the greenlets themselves to let go of it.
        g.set_parent(&greenlet::main()).unwrap();
        ring.borrow_mut().push(g);
    }
    let first = ring.borrow()[0].clone();
    assert_eq!(int(first.switch(0_i64)), COUNT as i64);
    assert_eq!(int(first.switch(0_i64)), COUNT as i64);
    for g in ring.take() {
        assert!(g.kill().is_exit());
    }
}

#[test]
fn a_hundred_thousand_lives_need_the_memory_of_one() {
    let sum = Rc::new(Cell::new(0_u64));
    for n in 0..100_000 {
        let (sum, main) = (Rc::clone(&sum), greenlet::current());
        let g = Greenlet::builder().stack_size(16 << 10).build(move |_| {
            sum.set(sum.get() + n);
            main.switch(());
        });
        g.switch(());
        drop(g);
    }
    assert_eq!(sum.get(), 99_999 * 100_000 / 2);
}

/// An iterator over what a function sends to its caller, out of nothing but greenlets.
struct Generator<T> {
    greenlet: Greenlet,
    caller: Rc<RefCell<Option<Greenlet>>>,
    _item: std::marker::PhantomData<T>,
}

struct End;

impl<T: 'static> Generator<T> {
    fn new(f: impl FnOnce(&dyn Fn(T)) + 'static) -> Self {
        let caller: Rc<RefCell<Option<Greenlet>>> = Rc::default();
        let back = Rc::clone(&caller);
        let greenlet = Greenlet::new(move |_| {
            let to_caller = || back.borrow().clone().expect("set by `next`");
            f(&|item| drop(to_caller().switch(item)));
            greenlet::current().set_parent(&to_caller()).expect("no cycle");
            End
        });
        Self { greenlet, caller, _item: std::marker::PhantomData }
    }
}

impl<T: 'static> Iterator for Generator<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        *self.caller.borrow_mut() = Some(greenlet::current());
        let value = self.greenlet.switch(());
        *self.caller.borrow_mut() = None;
        value.take().ok()
    }
}

/// greenlet's `test_generator`.
#[test]
fn generators_count() {
    let numbers = Generator::new(|out| (0..10).for_each(out));
    assert_eq!(numbers.collect::<Vec<i32>>(), (0..10).collect::<Vec<_>>());
}

/// greenlet's `test_generator_nested`: permutations.
#[test]
fn nested_generators_permute() {
    fn permutations(items: Vec<char>) -> Generator<String> {
        Generator::new(move |out| {
            if items.len() <= 1 {
                return out(items.iter().collect());
            }
            for rest in permutations(items[1..].to_vec()) {
                for at in 0..=rest.len() {
                    out(format!("{}{}{}", &rest[..at], items[0], &rest[at..]));
                }
            }
        })
    }
    let mut all: Vec<_> = permutations("abcd".chars().collect()).collect();
    assert_eq!(all.len(), 24);
    all.sort();
    all.dedup();
    assert_eq!((all.len(), all[0].as_str(), all[23].as_str()), (24, "abcd", "dcba"));
}

/// greenlet's `test_generator_nested`: nested genlets.
#[test]
fn a_generator_nested_to_depth_hundred_passes_items_up() {
    fn tower(level: u32) -> Generator<u32> {
        Generator::new(move |out| {
            if level > 0 {
                tower(level - 1).for_each(|n| out(n + 1));
            }
            out(level);
        })
    }
    assert_eq!(tower(100).collect::<Vec<_>>(), vec![100; 101]);
}

#[test]
fn an_unfinished_generator_is_dropped_in_the_middle() {
    let dropped = Rc::new(Cell::new(false));
    let flag = Rc::clone(&dropped);
    struct Sets(Rc<Cell<bool>>);
    impl Drop for Sets {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let mut endless = Generator::new(move |out| {
        let _sets = Sets(flag);
        (0..i32::MAX).for_each(out);
    });
    assert_eq!(endless.by_ref().take(3).collect::<Vec<i32>>(), [0, 1, 2]);
    assert!(!dropped.get());
    drop(endless);
    assert!(dropped.get());
}
