//! The crawler.

use super::program;

/// What a crawl finds, worked out here.
fn expected(pages: usize) -> String {
    let (mut lines, mut bytes, mut count, mut wave) = (String::new(), 0, 0, vec![0]);
    while !wave.is_empty() {
        let mut links = Vec::new();
        for page in wave {
            count += 1;
            if page % 7 == 6 {
                lines.push_str(&format!("/{page}: not found\n"));
                continue;
            }
            let next: Vec<usize> = [2 * page + 1, 2 * page + 2].into_iter().filter(|link| *link < pages).collect();
            let body = next.iter().fold(format!("this is page {page}\n"), |body, link| format!("{body}link /{link}\n"));
            bytes += body.len();
            lines.push_str(&format!("/{page}: {} bytes\n", body.len()));
            links.extend(next);
        }
        wave = links;
    }
    format!("{lines}{bytes} bytes from {count} pages\n")
}

#[test]
fn pages_come_in_the_order_of_the_links() {
    for (pages, at_a_time) in [("1", "10"), ("100", "1"), ("300", "50")] {
        let output = program::command("crawler").args([pages, at_a_time]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected(pages.parse().unwrap()), "{pages} {at_a_time}");
    }
}
