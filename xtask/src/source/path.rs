//! Finds the paths that code mentions, made whole: after `use std::time::Instant`, the line `Instant::now()` mentions
//! `std::time::Instant::now`. Names brought in by a glob, and inline modules' own `super`, are beyond it.

use std::collections::BTreeMap;

use super::split::is_word;

/// One path, and the line (from 1) that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Colons,
    Mark(char),
}

/// Lists the paths of split code; `module` is where it stands, as in `crate::edge::grpc`.
pub(crate) fn mentions(code: &str, module: &str) -> Vec<Mention> {
    let tokens = tokens(code);
    let mut reader = Reader { tokens: &tokens, module, aliases: BTreeMap::new(), found: Vec::new() };
    reader.read_uses();
    reader.read_paths();
    reader.found
}

struct Reader<'a> {
    tokens: &'a [(usize, Token<'a>)],
    module: &'a str,
    aliases: BTreeMap<&'a str, String>,
    found: Vec<Mention>,
}

impl<'a> Reader<'a> {
    fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).map(|(_, token)| *token)
    }

    fn line(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(1, |(line, _)| *line)
    }

    fn read_uses(&mut self) {
        for at in 0..self.tokens.len() {
            // `impl Trait + use<'a>` imports nothing.
            let captures = self.token(at + 1) == Some(Token::Mark('<'));
            if self.token(at) == Some(Token::Word("use")) && !captures {
                self.read_use_tree(at + 1, "");
            }
        }
    }

    /// Reads one branch of a use tree and returns the place behind it.
    fn read_use_tree(&mut self, from: usize, prefix: &str) -> usize {
        let mut at = from;
        let mut path = prefix.to_owned();
        let mut last = "";
        while let Some(token) = self.token(at) {
            match token {
                Token::Word("as") => {
                    if let Some(Token::Word(alias)) = self.token(at + 1) {
                        last = alias;
                    }
                    at += 1;
                }
                Token::Word("self") if !path.is_empty() => last = "self",
                Token::Word(word) => {
                    join(&mut path, word);
                    last = word;
                }
                Token::Mark('*') => join(&mut path, "*"),
                Token::Colons => {}
                Token::Mark('{') => return self.read_branches(at + 1, &path),
                Token::Mark(_) => break,
            }
            at += 1;
        }
        self.keep_use(at.saturating_sub(1), &path, last);
        at
    }

    fn read_branches(&mut self, from: usize, prefix: &str) -> usize {
        let mut at = from;
        loop {
            match self.token(at) {
                Some(Token::Mark('}')) => return at + 1,
                Some(Token::Mark(',')) => at += 1,
                Some(Token::Mark(';')) | None => return at,
                Some(_) => at = self.read_use_tree(at, prefix).max(at + 1),
            }
        }
    }

    fn keep_use(&mut self, at: usize, path: &str, name: &'a str) {
        if path.is_empty() {
            return;
        }
        let path = whole(path, self.module);
        let name = if name == "self" { self.own_name(&path) } else { name };
        self.found.push(Mention { line: self.line(at), path: path.clone() });
        if !name.is_empty() {
            self.aliases.insert(name, path);
        }
    }

    /// The token that spells a path's last name, for `use a::b::{self}`.
    fn own_name(&self, path: &str) -> &'a str {
        let last = path.rsplit("::").next().unwrap_or(path);
        let spelled = |token: &(usize, Token<'a>)| match token.1 {
            Token::Word(word) if word == last => Some(word),
            Token::Word(_) | Token::Colons | Token::Mark(_) => None,
        };
        self.tokens.iter().find_map(spelled).unwrap_or("")
    }

    fn read_paths(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            match self.token(at) {
                Some(Token::Word("use")) => at = self.behind_statement(at),
                Some(Token::Word(word)) => at = self.read_path(at, word),
                Some(Token::Colons | Token::Mark(_)) | None => at += 1,
            }
        }
    }

    fn behind_statement(&self, from: usize) -> usize {
        let ends = |at: &usize| matches!(self.token(*at), Some(Token::Mark(';')) | None);
        (from..=self.tokens.len()).find(ends).unwrap_or(self.tokens.len())
    }

    fn read_path(&mut self, from: usize, first: &'a str) -> usize {
        let mut path = self.aliases.get(first).cloned().unwrap_or_else(|| first.to_owned());
        let mut at = from + 1;
        while let (Some(Token::Colons), Some(Token::Word(word))) = (self.token(at), self.token(at + 1)) {
            join(&mut path, word);
            at += 2;
        }
        if at > from + 1 {
            let path = whole(&path, self.module);
            self.found.push(Mention { line: self.line(from), path });
        }
        at
    }
}

fn join(path: &mut String, word: &str) {
    if !path.is_empty() {
        path.push_str("::");
    }
    path.push_str(word);
}

/// Replaces a leading `self` or `super` by the module that it means.
fn whole(path: &str, module: &str) -> String {
    let mut base = module;
    let mut rest = path;
    let mut relative = false;
    while let Some((first, tail)) = rest.split_once("::") {
        match first {
            "self" => {}
            "super" => base = base.rsplit_once("::").map_or(base, |(parent, _)| parent),
            _ => break,
        }
        relative = true;
        rest = tail;
    }
    if relative { format!("{base}::{rest}") } else { path.to_owned() }
}

fn tokens(code: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    for (number, text) in code.lines().enumerate() {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let bytes = match first {
                _ if rest.starts_with("::") => 2,
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ => first.len_utf8(),
            };
            let (piece, tail) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
            match first {
                _ if piece == "::" => found.push((number + 1, Token::Colons)),
                _ if is_word(first) => found.push((number + 1, Token::Word(piece))),
                _ if first.is_whitespace() => {}
                _ => found.push((number + 1, Token::Mark(first))),
            }
            rest = tail;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        mentions(code, "crate::edge::grpc").into_iter().map(|m| format!("{}:{}", m.line, m.path)).collect()
    }

    #[test]
    fn a_use_tree_is_unfolded() {
        assert_eq!(
            paths("use a::{\n  b,\n  c::{self, d as e},\n  f::*,\n};\n"),
            ["2:a::b", "3:a::c", "3:a::c::d", "4:a::f::*"]
        );
    }

    #[test]
    fn a_short_name_is_made_whole() {
        assert_eq!(
            paths("use std::time::{self, Instant as I};\nI::now(); time::sleep::<u8>();\n"),
            ["1:std::time", "1:std::time::Instant", "2:std::time::Instant::now", "2:std::time::sleep"]
        );
    }

    #[test]
    fn super_and_self_name_a_module() {
        assert_eq!(
            paths("use super::wire;\nsuper::super::shard::push(self::x::Y);"),
            ["1:crate::edge::wire", "2:crate::shard::push", "2:crate::edge::grpc::x::Y"]
        );
    }

    #[test]
    fn plain_names_and_fields_are_no_paths() {
        assert_eq!(paths("let tonic = redis.clone(); f(fjall)"), Vec::<String>::new());
    }

    #[test]
    fn attributes_and_bounds_are_read_too() {
        assert_eq!(
            paths("#[tonic::async_trait]\nfn f<T: scylla::X>() {}"),
            ["1:tonic::async_trait", "2:scylla::X"]
        );
    }
}
