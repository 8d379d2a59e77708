//! The same services as JSON over HTTP: reads, errors, what may be kept, who may ask, and the document that says it all.

use std::collections::BTreeSet;

use playhead_catalog::rest::ROUTES;
use playhead_ingest::edge::http::{OPENAPI, ROUTES as OWN};
use playhead_proto::{
    catalog::v1::{self as proto, Kind},
    entitlement::v1 as rights,
};
use serde_json::{Value, json};

use crate::site::{BEGIN_MS, Site, by, item};

/// A series of two episodes that everybody may play, in two languages, and what is kept beside.
async fn site() -> Site {
    let site = Site::beside_an_engine().await;
    let text = |language: &str, title: &str| proto::Text {
        language: language.into(),
        title: title.into(),
        ..Default::default()
    };
    let everybody = proto::AccessWay { everybody: true, ..Default::default() };
    let category =
        proto::Category { id: "drama".into(), texts: vec![text("en", "Drama")], ..Default::default() };
    let request = proto::UpsertCategoryRequest { category: Some(category) };
    site.catalog().upsert_category(site.keep(request)).await.unwrap();
    site.put(proto::Item {
        texts: vec![text("en", "Goblin"), text("ko", "도깨비")],
        access: Some(proto::AccessPolicy { ways: vec![everybody] }),
        category_ids: vec!["drama".into()],
        tags: vec![proto::Tag { group: "mood".into(), name: "rain & snow".into() }],
        ..item("series", Kind::Series, "", 0)
    })
    .await;
    for (id, order) in [("e1", 1), ("e2", 2)] {
        let variant = proto::Variant { id: "hd".into(), ..Default::default() };
        let asset = proto::Asset {
            id: "main".into(),
            kind: proto::AssetKind::Video.into(),
            url: "https://cdn.example/a.m3u8".into(),
            ready: true,
            variants: vec![variant],
            ..Default::default()
        };
        let assets = vec![asset];
        site.put(proto::Item {
            duration_ms: Some(1_000_000),
            assets,
            ..item(id, Kind::Episode, "series", order)
        })
        .await;
    }
    site.put(item("best", Kind::Collection, "", 0)).await;
    let request = proto::SetCollectionItemsRequest {
        collection_id: "best".into(),
        item_ids: vec!["e2".into(), "series".into()],
        ..Default::default()
    };
    site.catalog().set_collection_items(site.keep(request)).await.unwrap();
    site
}

/// Reads as ann.
async fn read(site: &Site, path: &str) -> Value {
    let answer = site.get(&site.viewer("ann"), path, &[]).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json);
    answer.json
}

/// The ids of items in an answer.
fn ids(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_read_as_json() {
    let site = site().await;
    let series = read(&site, "/v1/items/series").await["item"].clone();
    assert_eq!((&series["kind"], &series["created_at_ms"]), (&"KIND_SERIES".into(), &BEGIN_MS.into()));
    assert_eq!(series["texts"][1]["title"], "도깨비");
    assert_eq!((&series["assets"], &series["order"]), (&json!([]), &0.into()), "what is empty is said");
    assert_eq!(series.get("duration_ms"), None, "what is not known is not there");
    let masked = read(&site, "/v1/items/series?read_mask=id,texts&languages=ko").await;
    let text = json!({ "language": "ko", "title": "도깨비" });
    assert_eq!(masked, json!({ "item": { "id": "series", "texts": [text] } }));

    assert_eq!(ids(&read(&site, "/v1/items:batch?ids=e2&ids=none&ids=e1").await["items"]), ["e2", "e1"]);
    crate::search::finds(&site, "도깨비", &["series"]).await;
    let found = read(&site, "/v1/items:search?query=%EB%8F%84%EA%B9%A8%EB%B9%84").await;
    assert_eq!(ids(&found["items"]), ["series"], "도깨비");
    assert_eq!(ids(&read(&site, "/v1/items?kind=EPISODE&page_size=1").await["items"]), ["e1"]);
    let next = read(&site, "/v1/items?kind=KIND_EPISODE&page_size=1").await;
    let token = next["next_page_token"].as_str().unwrap();
    let second = read(&site, &format!("/v1/items?kind=EPISODE&page_size=1&page_token={token}")).await;
    assert_eq!(ids(&second["items"]), ["e2"]);
    let tagged = "/v1/items?tag.group=mood&tag.name=rain%20%26%20snow&category_id=drama";
    assert_eq!(ids(&read(&site, tagged).await["items"]), ["series"]);
    assert_eq!(ids(&read(&site, "/v1/items/series/children").await["items"]), ["e1", "e2"]);
    assert_eq!(ids(&read(&site, "/v1/children").await["items"]), ["best", "series"]);
    let tree = read(&site, "/v1/items/series/tree").await;
    assert_eq!(tree["root"]["children"][1]["item"]["id"], "e2");
    assert_eq!(read(&site, "/v1/items/e1/next").await["item"]["id"], "e2");
    assert_eq!(read(&site, "/v1/items/e2/next?collection_id=best").await["item"]["id"], "series");
    assert_eq!(read(&site, "/v1/items/e2/next").await, json!({}));
    assert_eq!(ids(&read(&site, "/v1/collections/best/items").await["items"]), ["e2", "series"]);
    assert_eq!(ids(&read(&site, "/v1/categories").await["categories"]), ["drama"]);
    assert_eq!(read(&site, "/v1/plans").await["plans"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_plays_rates_and_goes_on_over_http() {
    let site = site().await;
    let ann = site.viewer("ann");
    let access = read(&site, "/v1/items/e1/access").await;
    assert_eq!(access["decision"]["allowed"], true);
    assert_eq!(read(&site, "/v1/accounts/family/subscription").await, json!({ "entitled": false }));
    let path = "/v1/items/e1/authorize-playback";
    let (status, playing) = site.post(&ann, path, &json!({ "session_id": "s-1" })).await;
    assert_eq!((status, &playing["playback"]["slot"]), (200, &"SLOT_STATE_HELD".into()), "{playing}");
    let token = playing["playback"]["session_token"].as_str().unwrap();
    let event = json!({ "session": {}, "events": [{ "kind": "BEAT", "seq": 1, "position_ms": 400_000 }] });
    assert_eq!(site.post(token, "/v1/events", &event).await.0, 200);
    let entry = read(&site, "/v1/users/ann/up-next?languages=en").await["entries"][0].clone();
    assert_eq!((&entry["item"]["id"], &entry["reason"]), (&"e1".into(), &"UP_NEXT_REASON_RESUME".into()));
    assert_eq!((&entry["position_ms"], &entry["container_id"]), (&400_000.into(), &"series".into()));
    let progress = read(&site, "/v1/users/ann/progress/series").await;
    assert_eq!(
        (&progress["progress"]["leaves"], &progress["progress"]["leaves_done"]),
        (&2.into(), &0.into())
    );
    assert_eq!(progress["leaves"][0]["fraction"], 0.4);
    let segments = "/v1/items/e1/assets/main/variants/hd/segments";
    assert_eq!(site.get(token, segments, &[]).await.json["segments"], json!([]), "by the session's token");

    let rate = proto::RateItemRequest { item_id: "e1".into(), stars: 4, ..Default::default() };
    site.opinions().rate_item(site.watch("ann", rate)).await.unwrap();
    let bookmark =
        proto::Bookmark { id: "b".into(), item_id: "e1".into(), position_ms: 7, ..Default::default() };
    let request = proto::CreateBookmarkRequest { bookmark: Some(bookmark) };
    site.opinions().create_bookmark(site.watch("ann", request)).await.unwrap();
    assert_eq!(read(&site, "/v1/users/ann/ratings/e1").await["rating"]["stars"], 4);
    let summary = read(&site, "/v1/items/e1/rating-summary").await;
    assert_eq!(summary["summary"], json!({ "counts": [0, 0, 0, 1, 0], "mean": 4.0 }));
    assert_eq!(read(&site, "/v1/users/ann/bookmarks?item_id=e1").await["bookmarks"][0]["position_ms"], 7);
}

/// What a proxy says counts over this front too; what a client says of a protocol that it does not speak does not.
#[tokio::test(flavor = "multi_thread")]
async fn headers_reach_the_services_as_far_as_they_are_theirs() {
    let site = site().await;
    let windows = vec![proto::AvailabilityWindow { countries: vec!["KR".into()], ..Default::default() }];
    let everybody = proto::AccessWay { everybody: true, ..Default::default() };
    let access = Some(proto::AccessPolicy { ways: vec![everybody] });
    site.put(proto::Item { windows, access, ..item("film", Kind::Movie, "", 0) }).await;
    let ann = site.viewer("ann");
    for (headers, expect) in [
        (&[][..], false),
        (&[("x-country", "KR")][..], true),
        (&[("x-country", "US")][..], false),
        (&[("x-country", "KR"), ("grpc-encoding", "gzip"), ("grpc-timeout", "1n"), ("te", "x")][..], true),
    ] {
        let answer = site.get(&ann, "/v1/items/film/access", headers).await;
        assert_eq!(
            (answer.status, &answer.json["decision"]["allowed"]),
            (200, &expect.into()),
            "{headers:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_link_is_followed() {
    let site = site().await;
    let share_token = "0123456789abcdef".to_owned();
    site.put(proto::Item { share_token, ..item("film", Kind::Movie, "", 0) }).await;
    assert_eq!(read(&site, "/v1/shared/0123456789abcdef").await["item"]["id"], "film");
    let missed = site.get(&site.viewer("ann"), "/v1/shared/0123456789abcdee", &[]).await;
    assert_eq!((missed.status, &missed.json["error"]["reason"]), (404, &"NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readers_languages_come_from_the_header() {
    let site = site().await;
    let ann = site.viewer("ann");
    let title = async |header: &str, query: &str| {
        let path = format!("/v1/items/series{query}");
        let answer = site.get(&ann, &path, &[("accept-language", header)]).await;
        answer.json["item"]["texts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text["title"].to_string())
            .collect::<String>()
    };
    assert_eq!(title("ko-KR,ko;q=0.9,en;q=0.8", "").await, "\"도깨비\"");
    assert_eq!(title("fr, en;q=0.5, ko;q=0.1", "").await, "\"Goblin\"");
    assert_eq!(title("ko", "?languages=en").await, "\"Goblin\"", "what the query says counts more");
    assert_eq!(title("*", "").await, "\"Goblin\"\"도깨비\"", "whoever takes any gets all");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_be_kept_by_who_got_it_and_is_asked_for_again() {
    let site = site().await;
    let ann = site.viewer("ann");
    let first = site.get(&ann, "/v1/items/e1", &[]).await;
    let etag = first.header("etag");
    assert!(etag.len() == 34 && etag.starts_with('"'), "{etag}");
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let vary = first.headers.get_all("vary").iter().map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(vary.collect::<Vec<_>>(), ["authorization", "accept-language", "origin"]);
    for said in [&*etag, &format!("W/{etag}"), &format!("\"x\", {etag}"), "*"] {
        let again = site.get(&ann, "/v1/items/e1", &[("if-none-match", said)]).await;
        assert_eq!(
            (again.status, again.header("etag"), again.json),
            (304, etag.clone(), Value::Null),
            "{said}"
        );
    }
    site.put(proto::Item { duration_ms: Some(5), ..item("e1", Kind::Episode, "series", 1) }).await;
    let changed = site.get(&ann, "/v1/items/e1", &[("if-none-match", &etag)]).await;
    assert_eq!((changed.status, &changed.json["item"]["duration_ms"]), (200, &5.into()));
    let masked = site.get(&ann, "/v1/items/e2?read_mask=id", &[("if-none-match", &etag)]).await;
    assert_eq!(masked.status, 200);
    let refused = site.get(&ann, "/v1/items/none", &[("if-none-match", "*")]).await;
    assert_eq!(refused.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_the_edges_own_form() {
    let site = site().await;
    let (ann, keeper) = (site.viewer("ann"), site.service("catalog:read"));
    let long = format!("/v1/items?page_token={}", "x".repeat(9));
    for (token, path, status, expect) in [
        (
            &ann,
            "/v1/items/none",
            404,
            json!({ "code": "NOT_FOUND", "reason": "NOT_FOUND", "message": "no such item" }),
        ),
        (
            &ann,
            "/v1/items?page_size=101",
            400,
            json!({
                "code": "INVALID_ARGUMENT", "reason": "MALFORMED", "field": "page_size", "value": "101",
                "allowed": "0 (meaning 20) to 100",
                "message": "page_size is \"101\"; allowed is 0 (meaning 20) to 100",
            }),
        ),
        (
            &ann,
            "/v1/items?page_size=ten",
            400,
            json!({
                "code": "INVALID_ARGUMENT", "reason": "MALFORMED", "field": "page_size", "value": "ten",
                "allowed": "a whole number", "message": "page_size is \"ten\"; allowed is a whole number",
            }),
        ),
        (
            &keeper,
            "/v1/users/ann/up-next",
            403,
            json!({
                "code": "PERMISSION_DENIED", "reason": "SCOPE_REQUIRED",
                "message": "the token's scope lacks playback:read",
            }),
        ),
        (
            &ann,
            "/v1/nothing",
            404,
            json!({ "code": "NOT_FOUND", "reason": "NOT_FOUND", "message": "no such path" }),
        ),
    ] {
        let answer = site.get(token, path, &[]).await;
        assert_eq!((answer.status, &answer.json["error"]), (status, &expect), "{path}");
    }
    let refused = site.get(&ann, &long, &[]).await;
    assert_eq!((refused.status, &refused.json["error"]["field"]), (400, &"page_token".into()));
    let lacks = site.get(&keeper, "/v1/users/ann/up-next", &[]).await;
    assert!(lacks.header("www-authenticate").contains("scope=\"playback:read\""));
    let nobody = site.get("nonsense", "/v1/items/e1", &[]).await;
    assert_eq!((nobody.status, &nobody.json["error"]["reason"]), (401, &"TOKEN_INVALID".into()));
    assert!(nobody.header("www-authenticate").contains("error=\"invalid_token\""));
    let path = "/v1/items/e1/authorize-playback";
    for (body, field) in
        [(json!({}), "session_id"), (json!({ "session_id": "s", "device_id": "d" }), "device_id")]
    {
        let (status, said) = site.post(&ann, path, &body).await;
        assert_eq!((status, &said["error"]["field"]), (400, &field.into()), "{said}");
    }
    let (status, said) = site.post(&ann, path, &json!({ "sessionid": "s" })).await;
    assert!(status == 400 && said["error"]["message"].as_str().unwrap().contains("sessionid"), "{said}");
    let (status, said) =
        site.post(&ann, "/v1/items/series/authorize-playback", &json!({ "session_id": "s" })).await;
    assert_eq!((status, &said["error"]["reason"]), (409, &"NOT_PLAYABLE".into()));
}

/// Paths with something in their braces: this user or account, the first episode.
fn filled(path: &str, who: &str) -> String {
    path.replace("{user_id}", who)
        .replace("{account_id}", who)
        .replace("{collection_id}", "best")
        .replace("{asset_id}", "main")
        .replace("{variant_id}", "hd")
        .replace("{share_token}", "0123456789abcdef")
        .replace("{id}", "e1")
        .replace("{item_id}", "e1")
        .replace("{parent_id}", "series")
}

#[tokio::test(flavor = "multi_thread")]
async fn on_every_route_the_token_says_who_asks() {
    let site = site().await;
    let ann = site.token("ann", &json!({ "account": "ann" }));
    let rate = proto::RateItemRequest { item_id: "e1".into(), stars: 4, ..Default::default() };
    for user in ["ann", "ben"] {
        site.opinions().rate_item(site.watch(user, rate.clone())).await.unwrap();
    }
    let plan = rights::Plan { id: "basic".into(), active: true, ..Default::default() };
    site.rights()
        .upsert_plan(by(&site.admin(), rights::UpsertPlanRequest { plan: Some(plan) }))
        .await
        .unwrap();
    let ask = async |token: &str, method: &str, path: &str| match method {
        "POST" => site.post(token, path, &json!({ "session_id": "s-1" })).await,
        _ => {
            let needed = match path.rsplit_once(':') {
                Some((_, "batch")) => "?ids=e1",
                Some((_, "search")) => "?query=rain",
                _ => "",
            };
            let answer = site.get(token, &format!("{path}{needed}"), &[]).await;
            (answer.status, answer.json)
        }
    };
    for (method, path, _) in ROUTES {
        let (status, said) = ask("nonsense", method, &filled(path, "ann")).await;
        assert_eq!((status, &said["error"]["reason"]), (401, &"TOKEN_INVALID".into()), "{path}");
        let (status, said) = ask(&ann, method, &filled(path, "ann")).await;
        // What she sees with a session's token only, and a link that leads nowhere.
        let is_open = !path.ends_with("/segments") && !path.contains("{share_token}");
        assert_eq!(status == 200, is_open, "{path}: {said}");
        if path.contains("{user_id}") || path.contains("{account_id}") {
            let bens = ask(&ann, method, &filled(path, "ben")).await;
            assert_eq!((bens.0, &bens.1["error"]["code"]), (404, &"NOT_FOUND".into()), "{path}");
            assert_eq!(bens, ask(&ann, method, &filled(path, "zoe")).await, "{path}: as if he were not");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_what_is_served_and_nothing_else() {
    let site = site().await;
    let document = site.get("nonsense", OPENAPI, &[]).await;
    assert_eq!((document.status, document.header("content-type")), (200, "application/json".into()));
    let document = document.json;
    assert_eq!(document["openapi"], "3.1.0");
    let own = OWN.iter().map(|(method, path)| (method.to_ascii_lowercase(), (*path).to_owned()));
    let beside = ROUTES.iter().map(|(method, path, _)| (method.to_ascii_lowercase(), (*path).to_owned()));
    let served: BTreeSet<(String, String)> = own.chain(beside).collect();
    let mut told = BTreeSet::new();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            told.insert((method.clone(), path.clone()));
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(operations.insert(name), "{path}: two of one name");
            check_operation(path, operation);
            if operation["tags"] != json!(["Playback"]) {
                check_service(&site, method, path, operation).await;
            }
        }
    }
    assert_eq!(told, served);
    check_schemas(&document);
    let title = &document["components"]["schemas"]["catalog.v1.Item"]["properties"]["duration_ms"];
    assert_eq!((&title["type"], &title["format"]), (&"integer".into(), &"int64".into()));
    assert!(title["description"].as_str().unwrap().starts_with("Its length, ms"), "{title}");
}

/// Every name in the path is a parameter, each parameter stands once, and each answer says what it is.
fn check_operation(path: &str, operation: &Value) {
    let mut seen = BTreeSet::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        assert!(seen.insert(name), "{path}: {name} twice");
        assert_eq!(parameter["required"], parameter["in"] == "path", "{path}: {name}");
        assert!(parameter["schema"].is_object(), "{path}: {name}");
        assert_eq!(parameter["in"] == "path", path.contains(&format!("{{{name}}}")), "{path}: {name}");
    }
    for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        assert!(seen.contains(part), "{path}: {part} is no parameter");
    }
    for (status, response) in operation["responses"].as_object().unwrap() {
        assert!(response["description"].is_string() || response["$ref"].is_string(), "{path}: {status}");
    }
    assert!(!operation["summary"].as_str().unwrap().is_empty(), "{path}");
}

/// A read may be answered by what is kept, and takes each parameter that is told; what is posted has a body, and no query.
async fn check_service(site: &Site, method: &str, path: &str, operation: &Value) {
    let is_read = method == "get";
    assert_eq!(operation["responses"]["304"].is_object(), is_read, "{path}");
    assert_eq!(operation["requestBody"].is_object(), !is_read, "{path}");
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "query" {
            assert!(is_read, "{path}: {name}");
            let asked = format!("{}?{name}=x", filled(path, "ann"));
            let said = site.get(&site.viewer("ann"), &asked, &[]).await.json;
            let allowed = said["error"]["allowed"].as_str().unwrap_or_default();
            let is_taken = !allowed.starts_with("no such field") && !allowed.starts_with("its fields");
            assert!(is_taken, "{asked}: {said}");
        }
    }
}

/// Every reference leads somewhere, and every schema is one.
fn check_schemas(document: &Value) {
    let mut all = vec![document];
    let mut references = 0;
    while let Some(value) = all.pop() {
        match value {
            Value::Array(values) => all.extend(values),
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let found = document.pointer(reference.strip_prefix('#').unwrap());
                    assert!(found.is_some_and(Value::is_object), "{reference}");
                    references += 1;
                }
                all.extend(fields.values());
            }
            _ => {}
        }
    }
    assert!(references > 100, "{references}");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(["object", "string"].contains(&schema["type"].as_str().unwrap()), "{name}");
        assert!(schema["description"].is_string(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_the_catalog_alone_is_there() {
    let site = Site::start().await;
    site.put(item("film", Kind::Movie, "", 0)).await;
    assert_eq!(read(&site, "/v1/items/film").await["item"]["id"], "film");
    assert_eq!(site.post(&site.viewer("ann"), "/v1/events", &json!({})).await.0, 404);
    let document = site.get("nonsense", OPENAPI, &[]).await.json;
    assert_eq!(document["paths"].get("/v1/events"), None);
    assert!(document["paths"]["/v1/items/{id}"]["get"].is_object());
}
