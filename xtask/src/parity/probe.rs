//! Small pieces of code that compile where a name, a method or an impl of std's is there, with std's own signature.
//!
//! A probe speaks of `crate::subject`, which is std in one build and green in another. It has several forms, best
//! first: the first that compiles against std is the one that green has to pass. So a form that cannot be written for
//! some odd signature costs exactness and never raises a false alarm; and what std itself does not let a program name,
//! because it is not stable or not for this platform, is not asked of green.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, GenericParam, Generics, ItemImpl, ItemTrait, Pat, Signature, TraitItemFn, parse_quote};

use super::inventory::{Item, Member, Module};

/// A question to the compiler.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    /// What is asked for, as `net::TcpStream::connect` or `impl io::Read for net::TcpStream`.
    pub(super) label: String,
    /// The item that it belongs to, as `net::TcpStream`.
    pub(super) item: String,
    /// Code for the inside of a module of its own.
    pub(super) forms: Vec<String>,
}

impl Probe {
    fn new(item: &str, label: String, forms: impl IntoIterator<Item = Option<TokenStream>>) -> Self {
        let forms = forms.into_iter().flatten().map(|form| form.to_string()).collect();
        Self { label, item: item.to_owned(), forms }
    }
}

/// Returns the probe of an item's name.
pub(super) fn existence(module: &Module, item: &Item) -> Probe {
    let path = module.path_of(&item.name);
    // Where a module has the macro's name, an import says nothing of the macro.
    let form = match (item.kind.as_str(), path.as_str()) {
        ("macro", "vec") => "fn f() { let _ = crate::subject::vec![0]; }".to_owned(),
        ("macro", "env") => "fn f() { let _ = crate::subject::env!(\"PATH\"); }".to_owned(),
        ("macro", "panic") => "fn f() { crate::subject::panic!(\"{}\", 1) }".to_owned(),
        // The name of a derive is that of its trait, which some derives want another one beside.
        _ if item.name == "try" => format!("use crate::subject::{} as _;", path.replace("try", "r#try")),
        ("derive", _) => {
            let path = format!("crate::subject::{path}");
            let others = match item.name.as_str() {
                "Copy" => "Clone, ",
                "Eq" | "PartialOrd" => "PartialEq, ",
                "Ord" => "PartialEq, Eq, PartialOrd, ",
                _ => "",
            };
            format!("#[derive({others}{path})] struct S;")
        }
        _ => format!("use crate::subject::{path} as _;"),
    };
    Probe { label: path.clone(), item: path, forms: vec![form] }
}

/// Returns the probe of an item's being std's very own: two globs may bring in one name only if it is one thing.
pub(super) fn sameness(module: &Module, item: &Item) -> Probe {
    let path = module.path_of(&item.name);
    // Under a name of our own: `char` and `cfg` are the language's, too.
    let form = format!(
        "mod a {{ pub use std::{path} as probed; }} mod b {{ pub use crate::subject::{path} as probed; }} use a::*; \
         use b::*; use probed as _;"
    )
    .replace("::try ", "::r#try ");
    Probe { label: path.clone(), item: path, forms: vec![form] }
}

/// Returns the probes of what an item has.
pub(super) fn members(module: &Module, item: &Item) -> Vec<Probe> {
    let path = module.path_of(&item.name);
    let mut probes = Vec::new();
    let mut declared = None;
    for member in &item.members {
        match member {
            Member::Declaration(text) if item.kind == "fn" => probes.push(function(&path, text)),
            Member::Declaration(text) => declared = Some(text.as_str()),
            Member::Method { of, signature } => probes.extend(method(&path, of, signature)),
            Member::Constant { of, signature } => probes.push(constant(&path, of, signature)),
            Member::TraitMethod(signature) => probes.push(trait_method(&path, declared.unwrap_or_default(), signature)),
            Member::Variant(name) => {
                let form = format!("use crate::subject::{path}::{name} as _;");
                probes.push(Probe { label: format!("{path}::{name}"), item: path.clone(), forms: vec![form] });
            }
            Member::Type { of, text } => probes.extend(associated_type(&path, of, text)),
            Member::Impl(header) | Member::Auto(header) => probes.extend(implementation(&path, header)),
        }
    }
    probes
}

/// A free function, called by one of the same signature.
fn function(path: &str, declaration: &str) -> Probe {
    let form = signature_in(declaration).map(|mut signature| {
        let called = parse_path(path);
        let arguments = name_arguments(&mut signature);
        signature.ident = format_ident!("probe");
        let unsafety = unsafe_or_not(&signature);
        quote!(#signature { #unsafety { #called(#(#arguments),*) } })
    });
    Probe::new(path, format!("fn {path}"), [form])
}

/// A method or associated function, called by a trait's method of the same signature; and once more as a constant
/// function where it is one.
fn method(path: &str, of: &str, text: &str) -> Vec<Probe> {
    let name = name_in(text);
    let label = format!("{path}::{name}");
    let named = format!("fn f() {{ let _ = crate::subject::{path}::{name}; }}").parse().ok();
    let (Some(block), Some(signature)) = (impl_in(of), signature_in(text)) else {
        return vec![Probe::new(path, label, [named])];
    };
    let of = &block.self_ty;
    let mut called = signature.clone();
    called.constness = None;
    let arguments = name_arguments(&mut called);
    let unsafety = unsafe_or_not(&called);
    let ident = called.ident.clone();
    called.ident = format_ident!("probe");
    let body = quote!({ #unsafety { <#of>::#ident(#(#arguments),*) } });
    let (generics, names, wheres) = split(&block.generics);
    let through_trait = |sized: TokenStream| {
        quote! {
            trait Probe #generics #sized #wheres { #called; }
            impl #generics Probe #names for #of #wheres { #called #body }
        }
    };
    let forms = [Some(through_trait(quote!())), Some(through_trait(quote!(: Sized))), named];
    let mut probes = vec![Probe::new(path, label.clone(), forms)];

    if signature.constness.is_some() && signature.receiver().is_none() {
        let mut constant = called.clone();
        constant.constness = Some(Default::default());
        let mut params = block.generics.clone();
        params.params.extend(constant.generics.params.clone());
        if let Some(clause) = &constant.generics.where_clause {
            params.make_where_clause().predicates.extend(clause.predicates.clone());
        }
        constant.generics = params;
        let whole = quote!(#constant #body);
        probes.push(Probe::new(path, format!("const fn {label}"), [Some(replace_self(whole, &of.to_token_stream()))]));
    }
    probes
}

fn constant(path: &str, of: &str, text: &str) -> Probe {
    let name = text.split(':').next().and_then(|head| head.split_whitespace().last()).unwrap_or_default();
    let ident = Ident::new(name, Span::call_site());
    let form = impl_in(of).map(|block| {
        let (of, (generics, _, wheres)) = (&block.self_ty, split(&block.generics));
        quote!(fn f #generics () #wheres { let _ = <#of>::#ident; })
    });
    Probe::new(path, format!("{path}::{name}"), [form])
}

/// A trait's method, called by a method of the same signature for everything that has the trait.
fn trait_method(path: &str, declaration: &str, text: &str) -> Probe {
    let called = parse_path(path);
    if let Some(name) =
        text.strip_prefix("type ").map(|text| text.split([':', ' ', '<', ';']).next().unwrap_or_default())
    {
        let ident = Ident::new(name, Span::call_site());
        let form = quote!(type Type<S> = <S as #called>::#ident;);
        return Probe::new(path, format!("{path}::{name}"), [Some(form)]);
    }
    let label = format!("{path}::{}", name_in(text));
    let declared = syn::parse_str::<ItemTrait>(&format!("{} {{}}", in_subject(declaration))).ok();
    let form = declared.zip(signature_in(text)).map(|(declared, mut signature)| {
        let arguments = name_arguments(&mut signature);
        let unsafety = unsafe_or_not(&signature);
        let ident = signature.ident.clone();
        signature.ident = format_ident!("probe");
        let (generics, names, wheres) = split(&declared.generics);
        let params = &declared.generics.params;
        quote! {
            trait Probe #generics: #called #names #wheres { #signature; }
            impl<Has: ?Sized + #called #names, #params> Probe #names for Has #wheres {
                #signature { #unsafety { <Has as #called #names>::#ident(#(#arguments),*) } }
            }
        }
    });
    Probe::new(path, label, [form])
}

/// A trait's being implemented, with the same bounds; or, for `Send` and `Sync`, its not being.
fn implementation(path: &str, header: &str) -> Option<Probe> {
    let label = header.replace('@', "");
    let label = label.strip_prefix("unsafe ").unwrap_or(&label).to_owned();
    let Some((before, after)) = header.split_once(" !") else {
        let [named, plain] = [name_lifetimes(header), header.to_owned()].map(|header| {
            impl_in(&header).and_then(|block| {
                let (of, (generics, names, wheres)) = (&block.self_ty, split(&block.generics));
                let implemented = block.trait_.as_ref().map(|(path, _)| path)?;
                Some(quote! {
                    trait Probe #generics: #implemented #wheres {}
                    impl #generics Probe #names for #of #wheres {}
                })
            })
        });
        return Some(Probe::new(path, label, [named, plain]));
    };
    // Two traits apply where the impl exists, and the compiler cannot choose. Type parameters become a plain type.
    let block = impl_in(&name_lifetimes(&format!("{before} {after}")))?;
    let of = &block.self_ty;
    let lacking = block.trait_.as_ref().map(|(path, _)| path)?;
    if !["Send", "Sync"].contains(&lacking.segments.last()?.ident.to_string().as_str()) {
        return None;
    }
    let types = block.generics.type_params().map(|param| &param.ident);
    let lifetimes = block.generics.lifetimes();
    let form = quote! {
        trait Either<A> { fn f() {} }
        impl<X: ?Sized> Either<()> for X {}
        impl<X: ?Sized + #lacking> Either<u8> for X {}
        #(type #types = u8;)*
        fn f<#(#lifetimes),*>() { let _ = <#of as Either<_>>::f; }
    };
    Some(Probe::new(path, label, [Some(form)]))
}

/// A trait's being implemented with this associated type.
fn associated_type(path: &str, header: &str, text: &str) -> Option<Probe> {
    let (name, is) = text.strip_prefix("type ")?.split_once(" = ")?;
    let label = format!("{name} of {}", header.replace('@', ""));
    let [named, plain] = [name_lifetimes(header), header.to_owned()].map(|header| {
        let binding = in_subject(text.strip_prefix("type ")?);
        let block = impl_in(&header)?;
        let implemented = block.trait_.as_ref()?.0.to_token_stream().to_string();
        let bound = match implemented.trim_end().strip_suffix('>') {
            Some(open) => format!("{open}, {binding}>"),
            None => format!("{implemented}<{binding}>"),
        };
        let bound: TokenStream = bound.parse().ok()?;
        let (of, (generics, names, wheres)) = (&block.self_ty, split(&block.generics));
        Some(quote! {
            trait Probe #generics: #bound #wheres {}
            impl #generics Probe #names for #of #wheres {}
        })
    });
    // A parameter's type says more of lifetimes than a bound may.
    let implied = impl_in(header).and_then(|block| {
        let (of, (generics, _, wheres)) = (&block.self_ty, split(&block.generics));
        let implemented = block.trait_.as_ref().map(|(path, _)| path)?;
        let (name, is) = (Ident::new(name, Span::call_site()), in_subject(is).parse::<TokenStream>().ok()?);
        Some(quote!(fn f #generics (_: #of, x: <#of as #implemented>::#name) -> #is #wheres { x }))
    });
    Some(Probe::new(path, label, [named, plain, implied]))
}

/// Puts the subject's root where the inventory has `@`.
fn in_subject(text: &str) -> String {
    text.replace('@', "crate::subject::")
}

fn impl_in(header: &str) -> Option<ItemImpl> {
    syn::parse_str(&format!("{} {{}}", in_subject(header))).ok()
}

fn signature_in(text: &str) -> Option<Signature> {
    let text = text.strip_prefix("pub ").unwrap_or(text);
    syn::parse_str::<TraitItemFn>(&format!("{};", in_subject(text))).ok().map(|function| function.sig)
}

fn parse_path(path: &str) -> syn::Path {
    syn::parse_str(&format!("crate::subject::{path}")).expect("items have paths")
}

/// Returns the word behind `fn`.
fn name_in(signature: &str) -> &str {
    let behind = signature.split("fn ").nth(1).unwrap_or_default();
    behind.split(['<', '(']).next().unwrap_or_default()
}

/// Gives each parameter a name of its own, and returns what to call with.
fn name_arguments(signature: &mut Signature) -> Vec<TokenStream> {
    let mut names = Vec::new();
    for (index, input) in signature.inputs.iter_mut().enumerate() {
        match input {
            FnArg::Receiver(_) => names.push(quote!(self)),
            FnArg::Typed(typed) => {
                let name = format_ident!("a{index}");
                let pattern: Pat = parse_quote!(#name);
                *typed.pat = pattern;
                names.push(quote!(#name));
            }
        }
    }
    names
}

/// Returns `unsafe` for a function that needs it.
fn unsafe_or_not(signature: &Signature) -> TokenStream {
    match &signature.safety {
        syn::Safety::Unsafe(word) => word.to_token_stream(),
        _ => quote!(),
    }
}

/// Returns generics as they are declared, as they are named, and their where clause.
fn split(generics: &Generics) -> (TokenStream, TokenStream, TokenStream) {
    let (declared, ..) = generics.split_for_impl();
    let names = generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => param.ident.to_token_stream(),
    });
    let names = if generics.params.is_empty() { quote!() } else { quote!(<#(#names),*>) };
    (declared.to_token_stream(), names, generics.where_clause.to_token_stream())
}

/// Names the lifetimes that an impl's header leaves out: what stands in a trait's bounds may not.
fn name_lifetimes(header: &str) -> String {
    let mut named = String::new();
    let mut count = 0;
    let mut rest = header;
    while let Some(at) = rest.find(['&', '\'']) {
        let (before, found) = rest.split_at(at);
        named.push_str(before);
        if let Some(after) = found.strip_prefix("'_") {
            named.push_str(&format!("'e{count}"));
            count += 1;
            rest = after;
        } else if let Some(after) = found.strip_prefix('&') {
            named.push('&');
            if !after.starts_with('\'') {
                named.push_str(&format!("'e{count} "));
                count += 1;
            }
            rest = after;
        } else {
            named.push('\'');
            rest = &found[1..];
        }
    }
    named.push_str(rest);
    let names: String = (0..count).map(|index| format!("'e{index}, ")).collect();
    let (unsafety, header) = match named.strip_prefix("unsafe ") {
        Some(header) => ("unsafe ", header),
        None => ("", named.as_str()),
    };
    match header.strip_prefix("impl<") {
        Some(rest) => format!("{unsafety}impl<{names}{rest}"),
        None => format!("{unsafety}impl<{names}>{}", header.strip_prefix("impl").unwrap_or(header)),
    }
}

/// Puts a type in the place of `Self`.
fn replace_self(tokens: TokenStream, of: &TokenStream) -> TokenStream {
    let replace = |token: TokenTree| match token {
        TokenTree::Ident(ident) if ident == "Self" => Group::new(Delimiter::None, of.clone()).stream(),
        TokenTree::Group(group) => Group::new(group.delimiter(), replace_self(group.stream(), of)).to_token_stream(),
        token => token.into(),
    };
    tokens.into_iter().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_that_are_left_out_get_names() {
        fn check(header: &str, expected: &str) {
            assert_eq!(name_lifetimes(header), expected);
        }
        check("impl @io::Read for &@net::TcpStream", "impl<'e0, > @io::Read for &'e0 @net::TcpStream");
        check("impl<T> A for B<'_, T>", "impl<'e0, T> A for B<'e0, T>");
        check("impl<'a> A<&'a str> for B<'a>", "impl<'a> A<&'a str> for B<'a>");
        check("unsafe impl<T> Send for A<T>", "unsafe impl<T> Send for A<T>");
    }

    #[test]
    fn a_signature_gives_its_name() {
        assert_eq!(name_in("pub const unsafe fn new<T>(t: T) -> A<T>"), "new");
        assert_eq!(name_in("fn read(&self)"), "read");
    }

    #[test]
    fn every_form_of_a_method_parses() {
        let probes =
            method("sync::Mutex", "impl<T: ?@marker::Sized> @sync::Mutex<T>", "pub const fn new(t: T) -> Self");
        assert_eq!(probes.len(), 2);
        assert_eq!(probes[0].forms.len(), 3);
        assert!(!probes[1].forms[0].contains("Self"), "{}", probes[1].forms[0]);
    }
}
