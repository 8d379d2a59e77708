//! `playhead serve` as a catalog: beside the engine, by itself, and left out.

use hyper::StatusCode;
use playhead_proto::{
    catalog::v1::{
        GetItemRequest, Item, Kind, PublicationStatus, Text, UpsertItemRequest,
        catalog_service_client::CatalogServiceClient,
    },
    playback::v1::{GetPositionRequest, playback_service_client::PlaybackServiceClient},
};
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

use crate::{
    client::{beat, get},
    process::Serve,
};

async fn channel(server: &Serve) -> Channel {
    Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap().connect().await.unwrap()
}

/// Writes a film, as the service that whoever names nobody is in development.
async fn put(server: &Serve) -> Result<(), Code> {
    let text = Text { language: "ko".into(), title: "영화".into(), ..Text::default() };
    let item = Item {
        id: "film".into(),
        kind: Kind::Movie.into(),
        status: PublicationStatus::Published.into(),
        texts: vec![text],
        ..Item::default()
    };
    let request = UpsertItemRequest { item: Some(item), update_mask: None };
    let answer = CatalogServiceClient::new(channel(server).await).upsert_item(request).await;
    answer.map(drop).map_err(|status| status.code())
}

/// The film's title, as alice sees it.
async fn title(server: &Serve) -> String {
    let mut request = Request::new(GetItemRequest { id: "film".into(), ..GetItemRequest::default() });
    request.metadata_mut().insert("authorization", "Bearer alice".parse().unwrap());
    let answer = CatalogServiceClient::new(channel(server).await).get_item(request).await.unwrap();
    answer.into_inner().item.unwrap().texts[0].title.clone()
}

async fn position(server: &Serve) -> Result<(), Code> {
    let request = GetPositionRequest { user_id: "alice".into(), item_id: "movie-1".into() };
    let answer = PlaybackServiceClient::new(channel(server).await).get_position(request).await;
    answer.map(drop).map_err(|status| status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_serves_its_own_and_the_store_keeps_both() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    put(&server).await.unwrap();
    beat(server.http, "s-1", 1, 600_000).await;
    assert_eq!((title(&server).await.as_str(), position(&server).await), ("영화", Ok(())));
    assert_eq!(server.terminate().0, Some(0));

    let server = Serve::start_set(data.path(), "serve.role=ingest");
    assert_eq!((put(&server).await, position(&server).await), (Err(Code::Unimplemented), Ok(())));
    assert_eq!(server.terminate().0, Some(0));

    let server = Serve::start_flags(data.path(), &["--role", "catalog"]);
    assert_eq!(title(&server).await, "영화");
    assert_eq!(position(&server).await, Err(Code::Unimplemented));
    assert_eq!(get(server.admin, "/readyz").await.0, StatusCode::OK);
    assert_eq!(get(server.admin, "/metrics").await.0, StatusCode::OK);
    assert_eq!(server.terminate().0, Some(0));
}
