//! Reads std's inventory out of the pages that rustdoc made of it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use scraper::{ElementRef, Html, Node, Selector};

use super::inventory::{Inventory, Item, Member, Module};

/// The modules of which every member is compared, with the modules inside them. Of all others the items are.
const DETAILED: &[&str] = &["fs", "io", "net", "os", "panic", "process", "sync", "thread", "time"];

/// Modules that are other platforms', or that std's documentation shows without being std's to export.
const LEFT_OUT: &[&str] = &["arch", "os::darwin", "os::wasi", "os::wasip2", "os::windows"];

/// Traits and modules whose impls no program can ask for: they are not stable, or another platform's; and a bound by
/// `Drop` says nothing of what happens when a value is dropped.
const UNASKED: &[&str] = &[
    "@marker::Freeze",
    "@marker::UnsafeUnpin",
    "@marker::StructuralPartialEq",
    "@os::wasi",
    "@os::windows",
    "@ops::Drop for",
];

/// What a link's class says of it when it leads to something with a path of its own.
const LINKED: &[&str] = &["struct", "enum", "union", "trait", "type", "fn", "mod", "constant", "static"];

/// The sections of a module's page that list items.
const ITEM_KINDS: &[&str] =
    &["mod", "struct", "enum", "union", "trait", "fn", "macro", "type", "constant", "static", "derive"];

/// What helps the eye in the rendered code and is no part of it.
const DECORATION: &[&str] = &["tooltip", "item-info", "rightside", "comment", "src", "anchor"];

/// Reads the pages in `folder`, which is `share/doc/rust/html/std` of a toolchain.
pub(super) fn read(folder: &Path, version: &str) -> anyhow::Result<Inventory> {
    let mut inventory = Inventory { version: version.to_owned(), modules: Vec::new() };
    let mut globs = Vec::new();
    read_module(folder, "", &mut inventory, &mut globs)?;
    for (module, of) in globs {
        let items = inventory.modules.iter().find(|module| module.path == of).map(|module| module.items.clone());
        for item in items.unwrap_or_default() {
            push(&mut inventory, module, "reexport", &item.name, Vec::new());
        }
    }
    Ok(inventory)
}

fn read_module(
    folder: &Path,
    path: &str,
    inventory: &mut Inventory,
    globs: &mut Vec<(usize, String)>,
) -> anyhow::Result<()> {
    let base = path.split("::").filter(|part| !part.is_empty()).fold(folder.to_owned(), |base, part| base.join(part));
    let page = parse(&base.join("index.html"))?;
    let detailed = DETAILED.iter().any(|name| path == *name || path.starts_with(&format!("{name}::")));
    let index = inventory.modules.len();
    inventory.modules.push(Module { path: path.to_owned(), items: Vec::new() });

    for entry in page.select(&selector("dl.item-table > dt")) {
        if is_marked_unstable(entry) {
            continue;
        }
        if let Some(name) = entry.attr("id").and_then(|id| id.strip_prefix("reexport.")) {
            // Two of one name are told apart by a number. What a glob brings in has no id.
            let name = name.split_once('-').map_or(name, |(name, _)| name);
            push(inventory, index, "reexport", name, Vec::new());
            continue;
        }
        let Some(link) = entry.select(&selector("a")).next() else { continue };
        if let Some(line) = entry.child_elements().find(|child| child.value().name() == "code") {
            // A glob brings in what it names, and prints no more than its own line.
            if code(line).ends_with("::*;") {
                globs.push((index, link.attr("title").unwrap_or_default().replace("mod std::", "")));
            }
            continue;
        }
        let Some(kind) = link.attr("class").filter(|kind| ITEM_KINDS.contains(kind)) else { continue };
        let title = link.attr("title").unwrap_or_default();
        let name = title.rsplit("::").next().filter(|name| !name.is_empty());
        let name = name.with_context(|| format!("an item of {path} has no path: {title}"))?.trim_end_matches('!');
        let inner = inventory.modules[index].path_of(name);
        if LEFT_OUT.contains(&inner.as_str()) {
            continue;
        }
        let href = link.attr("href").unwrap_or_default();
        let members = match base.join(href) {
            page if detailed && kind != "mod" && page.exists() => read_item(&page, kind)?,
            _ => Vec::new(),
        };
        push(inventory, index, kind, name, members);
        // A page elsewhere is that of another crate's module, of which only the name is std's.
        if kind == "mod" && href == format!("{name}/index.html") && base.join(href).exists() {
            read_module(folder, &inner, inventory, globs)?;
        }
    }
    Ok(())
}

fn push(inventory: &mut Inventory, module: usize, kind: &str, name: &str, members: Vec<Member>) {
    let items = &mut inventory.modules[module].items;
    if !items.iter().any(|item| item.name == name && item.kind == kind) {
        items.push(Item { kind: kind.to_owned(), name: name.to_owned(), members });
    }
}

fn read_item(path: &Path, kind: &str) -> anyhow::Result<Vec<Member>> {
    let page = parse(path)?;
    let mut members = Vec::new();
    let declaration = page.select(&selector("pre.item-decl code")).next().map(code).unwrap_or_default();
    match kind {
        "fn" => members.push(Member::Declaration(declaration)),
        "trait" => {
            let header = declaration.split(" {").next().unwrap_or_default();
            members.push(Member::Declaration(header.to_owned()));
            for method in page.select(&selector(".methods section.method")) {
                if !is_unstable(method) {
                    members.push(Member::TraitMethod(header_of(method)?));
                }
            }
        }
        _ => {}
    }
    // An alias shows the variants of what it stands for.
    for variant in page.select(&selector("section.variant")) {
        let name = variant.attr("id").and_then(|id| id.strip_prefix("variant.")).unwrap_or_default();
        if kind == "enum" && !is_unstable(variant) {
            members.push(Member::Variant(name.to_owned()));
        }
    }
    let mut of: Option<String> = None;
    for section in page.select(&selector("#implementations-list section")) {
        let has = |class| section.value().has_class(class, scraper::CaseSensitivity::CaseSensitive);
        if has("impl") {
            of = if is_unstable(section) { None } else { Some(header_of(section)?) };
        } else if let Some(of) = of.clone().filter(|_| !is_unstable(section)) {
            if has("method") {
                members.push(Member::Method { of, signature: header_of(section)? });
            } else if has("associatedconstant") {
                members.push(Member::Constant { of, signature: header_of(section)? });
            }
        }
    }
    let lists = [("#trait-implementations-list", false), ("#implementors-list", false)];
    for (list, auto) in lists.into_iter().chain([("#synthetic-implementations-list", true)]) {
        let mut of: Option<String> = None;
        for section in page.select(&selector(&format!("{list} section.impl, {list} section.associatedtype"))) {
            let header = header_of(section)?;
            if header.starts_with("type ") {
                members.extend(of.clone().map(|of| Member::Type { of, text: header }));
                continue;
            }
            let asked = !is_unstable(section) && !UNASKED.iter().any(|name| header.contains(name));
            of = asked.then(|| header.clone());
            if asked {
                members.push(if auto { Member::Auto(header) } else { Member::Impl(header) });
            }
        }
    }
    Ok(members)
}

fn parse(path: &Path) -> anyhow::Result<Html> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Html::parse_document(&text))
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("the selectors are constants")
}

/// Returns whether an element holds the mark of what is not stable.
fn is_marked_unstable(element: ElementRef<'_>) -> bool {
    element.select(&selector(".stab.unstable")).next().is_some()
}

/// Returns whether a section of an item's page is of something that is not stable. The mark stands inside the section,
/// or beside it: in the same summary, or right behind it where there is nothing to unfold.
fn is_unstable(section: ElementRef<'_>) -> bool {
    let parent = section.parent().and_then(ElementRef::wrap);
    let summary = parent.filter(|parent| parent.value().name() == "summary");
    let behind = section.next_siblings().find_map(ElementRef::wrap);
    let info = behind.filter(|next| next.value().has_class("item-info", scraper::CaseSensitivity::CaseSensitive));
    [Some(section), summary, info].into_iter().flatten().any(is_marked_unstable)
}

/// Returns the code of a section's headline.
fn header_of(section: ElementRef<'_>) -> anyhow::Result<String> {
    match section.select(&selector(".code-header")).next() {
        Some(header) => Ok(code(header)),
        None => bail!("a section without a headline: {:?}", section.attr("id")),
    }
}

/// Returns rendered code as text in one line, with the path of every item that it links to.
fn code(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    write_code(element, &mut text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write_code(element: ElementRef<'_>, text: &mut String) {
    for child in element.children() {
        match child.value() {
            Node::Text(plain) => text.push_str(plain),
            Node::Element(value) => {
                let classes: Vec<&str> = value.classes().collect();
                if classes.iter().any(|class| DECORATION.contains(class)) {
                    continue;
                }
                let path = value.attr("title").and_then(|title| title.split_once(' ')).map(|(_, path)| path);
                let linked = value.name() == "a" && classes.iter().any(|class| LINKED.contains(class));
                match path.filter(|_| linked) {
                    Some(path) => {
                        // Where two items have one name, rustdoc prints the path in front of the link.
                        let prefix = text.rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                        let start = prefix.map_or(0, |at| at + 1);
                        if text[start..].ends_with("::") {
                            text.truncate(start);
                        }
                        text.push_str(&path.strip_prefix("std::").map_or(path.to_owned(), |p| format!("@{p}")));
                    }
                    None => {
                        if classes.contains(&"where") {
                            text.push(' ');
                        }
                        write_code(ElementRef::wrap(child).expect("the node is an element"), text);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_read_with_the_paths_that_it_links_to() {
        let page = Html::parse_fragment(
            "<h4 class=\"code-header\">pub fn <a href=\"#method.lock\" class=\"fn\">lock</a>(&amp;self) -&gt; \
             <a class=\"type\" title=\"type std::sync::LockResult\">LockResult</a>&lt;\
             <a class=\"associatedtype\" title=\"type std::ops::Deref::Target\">Target</a>&gt; \
             <a href=\"#\" class=\"tooltip\">ⓘ</a><div class=\"where\">where\n    T: Send,</div></h4>",
        );
        let header = page.select(&selector("h4")).next().unwrap();
        assert_eq!(code(header), "pub fn lock(&self) -> @sync::LockResult<Target> where T: Send,");

        let page = Html::parse_fragment(
            "<h3>impl Read for std::os::unix::net::<a class=\"struct\" title=\"struct std::os::unix::net::UnixStream\">\
             UnixStream</a></h3>",
        );
        let header = page.select(&selector("h3")).next().unwrap();
        assert_eq!(code(header), "impl Read for @os::unix::net::UnixStream");
    }

    #[test]
    fn marks_of_instability_are_found_where_rustdoc_puts_them() {
        fn check(html: &str, expected: bool) {
            let page = Html::parse_fragment(html);
            let section = page.select(&selector("section")).next().unwrap();
            assert_eq!(is_unstable(section), expected, "{html}");
        }
        let mark = "<span class=\"item-info\"><div class=\"stab unstable\"></div></span>";
        check(&format!("<section>{mark}</section>"), true);
        check(&format!("<details><summary><section></section>{mark}</summary></details>"), true);
        check(&format!("<section></section>{mark}"), true);
        check(&format!("<section></section><section></section>{mark}"), false);
        check(&format!("<details><summary><section></section></summary>{mark}</details>"), false);
    }
}
