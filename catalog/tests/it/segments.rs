//! The segments of a variant: written by whoever keeps the catalog, shown to whoever plays the item.

use playhead_proto::catalog::v1::{self as proto, Kind};
use tonic::Code;

use crate::site::{BEGIN_MS, Site, by, item, told};

fn segment(number: u32) -> proto::Segment {
    proto::Segment {
        number,
        url: format!("https://cdn.example/film/{number}.ts"),
        start_ms: i64::from(number) * 6_000,
        duration_ms: 6_000,
        size_bytes: Some(1),
    }
}

async fn site() -> Site {
    let site = Site::beside_an_engine().await;
    let variant = |id: &str| proto::Variant { id: id.into(), ..Default::default() };
    let asset = proto::Asset {
        id: "main".into(),
        kind: proto::AssetKind::Video.into(),
        ready: true,
        variants: vec![variant("hd"), variant("sd")],
        ..Default::default()
    };
    let way = proto::AccessWay { everybody: true, ..Default::default() };
    let access = Some(proto::AccessPolicy { ways: vec![way] });
    site.put(proto::Item { assets: vec![asset], access, ..item("film", Kind::Movie, "", 0) }).await;
    site.put(item("other", Kind::Movie, "", 0)).await;
    site
}

impl Site {
    async fn write(&self, variant: &str, segments: Vec<proto::Segment>) -> Result<(), (Code, String)> {
        let request = proto::UpsertSegmentsRequest {
            item_id: "film".into(),
            asset_id: "main".into(),
            variant_id: variant.into(),
            segments,
        };
        self.catalog().upsert_segments(self.keep(request)).await.map(drop).map_err(|status| {
            let (code, _, fields) = told(&status);
            (code, fields.concat())
        })
    }

    async fn page(
        &self,
        token: &str,
        variant: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<proto::ListSegmentsResponse, (Code, String)> {
        let request = proto::ListSegmentsRequest {
            item_id: "film".into(),
            asset_id: "main".into(),
            variant_id: variant.into(),
            page_size,
            page_token: page_token.into(),
        };
        self.catalog().list_segments(by(token, request)).await.map(tonic::Response::into_inner).map_err(
            |status| {
                let (code, reason, _) = told(&status);
                (code, reason)
            },
        )
    }

    /// The numbers of a variant's segments, in pages of this size.
    async fn numbers(&self, variant: &str, page_size: i32) -> Vec<u32> {
        let (admin, mut numbers, mut page_token) = (self.admin(), Vec::new(), String::new());
        loop {
            let page = self.page(&admin, variant, page_size, &page_token).await.unwrap();
            numbers.extend(page.segments.iter().map(|segment| segment.number));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return numbers;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_written_joined_and_listed_by_number() {
    let site = site().await;
    let numbers: Vec<u32> = (0..250).chain([399, 400, 1_000_000, u32::MAX]).collect();
    for _ in 0..2 {
        for part in numbers.rchunks(90) {
            site.write("hd", part.iter().map(|&number| segment(number)).collect()).await.unwrap();
        }
        for page_size in [1, 7, 100] {
            assert_eq!(site.numbers("hd", page_size).await, numbers, "in pages of {page_size}");
        }
    }
    assert_eq!(site.numbers("sd", 10).await, Vec::<u32>::new());
    let changed = proto::Segment { url: "https://cdn.example/new.ts".into(), ..segment(7) };
    site.write("hd", vec![changed.clone()]).await.unwrap();
    let page = site.page(&site.admin(), "hd", 8, "").await.unwrap();
    assert_eq!(
        (page.segments[7].clone(), page.urls_expire_at_ms),
        (changed, None),
        "keepers see it as it is"
    );
    let request = proto::DeleteSegmentsRequest {
        item_id: "film".into(),
        asset_id: "main".into(),
        variant_id: "hd".into(),
    };
    for _ in 0..2 {
        site.catalog().delete_segments(site.keep(request.clone())).await.unwrap();
        assert_eq!(site.numbers("hd", 10).await, Vec::<u32>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_segment_of_a_variant_is_refused() {
    let site = site().await;
    let invalid = |field: &str| Err((Code::InvalidArgument, field.to_owned()));
    assert_eq!(site.write("hd", Vec::new()).await, invalid("segments"));
    assert_eq!(site.write("hd", (0..1_001).map(segment).collect()).await, invalid("segments"));
    assert_eq!(site.write("hd", vec![segment(1), segment(1)]).await, invalid("segments[1].number"));
    let nowhere = proto::Segment { url: String::new(), ..segment(1) };
    assert_eq!(site.write("hd", vec![segment(0), nowhere]).await, invalid("segments[1].url"));
    assert_eq!(site.write("4k", vec![segment(1)]).await, Err((Code::NotFound, String::new())));
    assert_eq!(site.write("", vec![segment(1)]).await, invalid("variant_id"));
    let admin = site.admin();
    assert_eq!(site.page(&admin, "4k", 0, "").await.unwrap_err().0, Code::NotFound);
    for token in ["x", "61."] {
        assert_eq!(site.page(&admin, "hd", 0, token).await.unwrap_err().0, Code::InvalidArgument, "{token}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_plays_the_item_sees_them_signed_and_nobody_else() {
    let site = site().await;
    site.write("hd", vec![segment(1)]).await.unwrap();
    let ann = site.viewer("ann");
    let denied = Err((Code::PermissionDenied, "SCOPE_REQUIRED".to_owned()));
    assert_eq!(site.page(&ann, "hd", 0, "").await, denied);
    let token = site.play(&ann, "film", "s-1").await.unwrap().playback.unwrap().session_token;
    let page = site.page(&token, "hd", 0, "").await.unwrap();
    assert_eq!(page.urls_expire_at_ms, Some(BEGIN_MS + 1_800_000));
    let url = &page.segments[0].url;
    assert!(url.starts_with("https://cdn.example/film/1.ts?playhead-key=k1&"), "{url}");
    let of_another = site.token("ann", &serde_json::json!({ "session": "s-1", "item": "other" }));
    assert_eq!(site.page(&of_another, "hd", 0, "").await, denied);
}
