//! What std has, as plain data with a text form.
//!
//! Paths of std's items are spelled `@net::TcpStream`, so that a probe can put `std` or `green` in the place of `@`.

use std::fmt::{self, Write as _};

use anyhow::{Context as _, bail};

/// Everything stable that std's documentation lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Inventory {
    /// The release that it describes, as `1.95.0`.
    pub(super) version: String,
    pub(super) modules: Vec<Module>,
}

/// One module with its own items; modules inside it stand beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Module {
    /// The path below `std`, as `sync::mpsc`; empty for the root.
    pub(super) path: String,
    pub(super) items: Vec<Item>,
}

/// One item of a module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Item {
    /// rustdoc's word: `struct`, `fn`, `macro`, `reexport`, …
    pub(super) kind: String,
    pub(super) name: String,
    /// What the item has; empty where only names are compared.
    pub(super) members: Vec<Member>,
}

/// Something that an item has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Member {
    /// The declaration of a function, or of a trait up to its body.
    Declaration(String),
    /// A method or associated function, in the inherent impl with this header.
    Method { of: String, signature: String },
    /// An associated constant, in the inherent impl with this header.
    Constant { of: String, signature: String },
    /// A method of a trait.
    TraitMethod(String),
    /// An enum's variant.
    Variant(String),
    /// A trait impl's header.
    Impl(String),
    /// An associated type of the trait impl with this header, which is the `Impl` before it.
    Type { of: String, text: String },
    /// The header of an impl, or of the lack of one, that the compiler derived: `Send` and its like.
    Auto(String),
}

impl Module {
    /// Returns the path of one of the module's items below `std`.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}::{name}", self.path) }
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "std {}", self.version)?;
        for module in &self.modules {
            writeln!(f, "mod {}", module.path)?;
            for item in &module.items {
                writeln!(f, " {} {}", item.kind, item.name)?;
                let mut header = "";
                for member in &item.members {
                    if let Member::Method { of, .. } | Member::Constant { of, .. } = member
                        && of != header
                    {
                        header = of;
                        writeln!(f, "  in {of}")?;
                    }
                    let (tag, text) = member.line();
                    writeln!(f, "  {tag} {text}")?;
                }
            }
        }
        Ok(())
    }
}

impl Member {
    fn line(&self) -> (&'static str, &str) {
        match self {
            Self::Declaration(text) => ("decl", text),
            Self::Method { signature, .. } => ("fn", signature),
            Self::Constant { signature, .. } => ("const", signature),
            Self::TraitMethod(text) => ("has", text),
            Self::Variant(text) => ("variant", text),
            Self::Impl(text) => ("impl", text),
            Self::Type { text, .. } => ("type", text),
            Self::Auto(text) => ("auto", text),
        }
    }
}

/// Reads the text form back.
pub(super) fn parse(text: &str) -> anyhow::Result<Inventory> {
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("std ")).context("no line `std <version>`")?;
    let mut inventory = Inventory { version: version.to_owned(), modules: Vec::new() };
    let mut header = "";
    for line in lines {
        let mut wrong = String::new();
        let _ = write!(wrong, "a line out of place: {line}");
        if let Some(line) = line.strip_prefix("  ") {
            let (tag, text) = line.split_once(' ').with_context(|| wrong.clone())?;
            let item = inventory.modules.last_mut().and_then(|module| module.items.last_mut());
            let members = &mut item.with_context(|| wrong.clone())?.members;
            let (of, text) = (header.to_owned(), text.to_owned());
            match tag {
                "in" => header = &line[3..],
                "decl" => members.push(Member::Declaration(text)),
                "fn" => members.push(Member::Method { of, signature: text }),
                "const" => members.push(Member::Constant { of, signature: text }),
                "has" => members.push(Member::TraitMethod(text)),
                "variant" => members.push(Member::Variant(text)),
                "impl" => members.push(Member::Impl(text)),
                "type" => {
                    let before = members.iter().rev().find_map(|member| match member {
                        Member::Impl(header) => Some(header.clone()),
                        _ => None,
                    });
                    members.push(Member::Type { of: before.with_context(|| wrong.clone())?, text });
                }
                "auto" => members.push(Member::Auto(text)),
                _ => bail!(wrong),
            }
        } else if let Some(line) = line.strip_prefix(' ') {
            let (kind, name) = line.split_once(' ').with_context(|| wrong.clone())?;
            let module = inventory.modules.last_mut().with_context(|| wrong.clone())?;
            module.items.push(Item { kind: kind.to_owned(), name: name.to_owned(), members: Vec::new() });
            header = "";
        } else if let Some(path) = line.strip_prefix("mod ") {
            inventory.modules.push(Module { path: path.to_owned(), items: Vec::new() });
        } else {
            bail!(wrong);
        }
    }
    Ok(inventory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_reads_back() {
        let of = "impl<T> @sync::Mutex<T>".to_owned();
        let members = vec![
            Member::Method { of: of.clone(), signature: "pub const fn new(t: T) -> @sync::Mutex<T>".to_owned() },
            Member::Impl("impl<T> @fmt::Debug for @sync::Mutex<T>".to_owned()),
            Member::Type { of: "impl<T> @fmt::Debug for @sync::Mutex<T>".to_owned(), text: "type A = T".to_owned() },
            Member::Method { of, signature: "pub fn lock(&self)".to_owned() },
        ];
        let items = vec![
            Item { kind: "struct".to_owned(), name: "Mutex".to_owned(), members },
            Item { kind: "fn".to_owned(), name: "f".to_owned(), members: vec![Member::Declaration("fn f()".into())] },
        ];
        let modules =
            vec![Module { path: String::new(), items: Vec::new() }, Module { path: "sync".to_owned(), items }];
        let inventory = Inventory { version: "1.2.3".to_owned(), modules };
        assert_eq!(parse(&inventory.to_string()).unwrap(), inventory);
        assert!(parse("std 1.2.3\n struct Stray").is_err());
        assert!(parse("mod first").is_err());
    }
}
