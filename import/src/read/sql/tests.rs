use super::super::{Dialect, Format, tests::told};

fn of(dialect: Dialect, text: &str) -> Vec<String> {
    told(Format::Sql(dialect), text.as_bytes())
}

#[test]
fn mysql_as_mysqldump_writes() {
    let text = r#"-- MySQL dump 10.13
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
DROP TABLE IF EXISTS `series`;
CREATE TABLE `series` (
  `Series_Id` bigint unsigned NOT NULL AUTO_INCREMENT COMMENT 'a, b (c)',
  `title` varchar(255) COLLATE utf8mb4_unicode_ci DEFAULT 'it''s',
  `status` enum('ongoing','completed') DEFAULT NULL,
  PRIMARY KEY (`Series_Id`),
  KEY `idx` (`title`(20),`status`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
/*!40000 ALTER TABLE `series` DISABLE KEYS */;
INSERT INTO `series` VALUES (1,'도깨비 \'Goblin\' \\ 👻','ongoing'),
(-2,'a''b\n\"c\"\t\0\Z\%',NULL);
INSERT IGNORE INTO db.series (`title`, Series_Id) VALUES (_utf8mb4'x;y',3) ON DUPLICATE KEY UPDATE title='z';
"#;
    let expect = [
        r#"series(1@12): series_id="1" title="도깨비 'Goblin' \\ 👻" status="ongoing""#,
        r#"series(2@13): series_id="-2" title="a'b\n\"c\"\t\0\u{1a}\\%" status=NULL"#,
        r#"series(3@14): title="x;y" series_id="3" status=NULL"#,
    ];
    assert_eq!(of(Dialect::Mysql, text), expect);
}

#[test]
fn mysql_bytes_bits_comments_and_triggers() {
    let text = "CREATE TABLE t (a int, b blob); # one; two
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET a = 1 */;
DELIMITER ;;
CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (9,9); END ;;
DELIMITER ;
INSERT INTO t VALUES (0x4D, _binary 'ab\\0'),(X'00ff',b'1'),(NOW(),CONCAT('a','b',(1)))/* c */,(1e3,.5);
INSERT INTO t SELECT 1, 2; REPLACE t VALUES (- 1,2);";
    let expect = [
        "t(1@6): a=[4d] b=[61, 62, 00]",
        "t(2@6): a=[00, ff] b=[01]",
        "t(3@6): a=?NOW(…) b=?CONCAT(…)",
        r#"t(4@6): a="1e3" b=".5""#,
        r#"t(5@7): a="-1" b="2""#,
    ];
    assert_eq!(of(Dialect::Mysql, text), expect);
}

#[test]
fn postgresql_inserts() {
    let text = r#"SET standard_conforming_strings = on;
\connect lms
CREATE TABLE public.courses (id uuid NOT NULL, title text, CONSTRAINT courses_pkey PRIMARY KEY (id));
CREATE FUNCTION f() RETURNS trigger AS $body$ BEGIN; INSERT INTO x VALUES (1); END; $body$ LANGUAGE plpgsql;
/* outer /* inner */ still */
INSERT INTO public.courses VALUES ('a-1'::uuid, 'it''s C:\dir'), ('a-2', E'line\nbreak\\ \'q\' \u00e9\x41\U0001F47B');
INSERT INTO public.courses (title, id) OVERRIDING SYSTEM VALUE VALUES ('x' || 'y', '{1,2}'::integer[]) ON CONFLICT DO NOTHING;
INSERT INTO "public"."courses" VALUES (true, -1.5::numeric(10,2)), (now(), $q$it's$q$);
"#;
    let expect = [
        r#"courses(1@6): id="a-1" title="it's C:\\dir""#,
        r#"courses(2@6): id="a-2" title="line\nbreak\\ 'q' éA👻""#,
        r#"courses(3@7): title="xy" id="{1,2}""#,
        r#"courses(4@8): id="true" title="-1.5""#,
        r#"courses(5@8): id=?NOW(…) title="it's""#,
    ];
    assert_eq!(of(Dialect::Postgresql, text), expect);
}

#[test]
fn postgresql_copies() {
    let text = "COPY public.lessons (id, title, data) FROM stdin;
1\t강의 1\\nzwei\\\\\t\\N
2\t\t\\\\x4d
3\ta\\tb\\011\\x41
\\.

COPY t (a) TO stdout;
INSERT INTO lessons (id) VALUES (4);
";
    let expect = [
        r#"lessons(1@2): id="1" title="강의 1\nzwei\\" data=NULL"#,
        r#"lessons(2@3): id="2" title="" data="\\x4d""#,
        "! line 4: table lessons, row 3: has 2 values; its columns are 3",
        r#"lessons(4@8): id="4""#,
    ];
    assert_eq!(of(Dialect::Postgresql, text), expect);
    let open = of(Dialect::Postgresql, "COPY t (a) FROM stdin;\n1\n");
    assert_eq!(open[1], "!! line 3: table t: a COPY that does not end");
}

#[test]
fn oracle_scripts() {
    let text = r#"REM INSERTING into VOD.X; it's fine
SET DEFINE OFF;
PROMPT It's; done
CREATE TABLE "VOD"."X" ("ID" NUMBER(10,0), "TITLE" VARCHAR2(9 CHAR), "AT" DATE, CONSTRAINT "PK" PRIMARY KEY ("ID"));
CREATE OR REPLACE TRIGGER trg BEFORE INSERT ON x BEGIN INSERT INTO x VALUES (1,2,3); END;
/
Insert into VOD.X (ID,TITLE,AT) values (1,q'[it's ] fine]',to_date('24/01/31 09:05:00','RR/MM/DD HH24:MI:SS'));
INSERT INTO "X" VALUES (2, 'a' || CHR(10) || TO_CLOB('b''c\d'), TIMESTAMP '2024-01-31 09:05:00.5');
INSERT ALL INTO x (id, title) VALUES (3, nq'!한국!') INTO x (id, title) VALUES (4, UNISTR('\D55C!')) SELECT * FROM dual;
INSERT INTO x VALUES (S.NEXTVAL,EMPTY_CLOB(),TO_TIMESTAMP_TZ('2024-01-31 09:05:00.25 +09:00','YYYY-MM-DD HH24:MI:SSXFF TZH:TZM'));
INSERT INTO x VALUES (5, NULL, SYSDATE);
COMMIT;
/
"#;
    let expect = [
        r#"x(1@7): id="1" title="it's ] fine" at="2024-01-31T09:05:00""#,
        r#"x(2@8): id="2" title="a\nb'c\\d" at="2024-01-31 09:05:00.5""#,
        r#"x(3@9): id="3" title="한국" at=NULL"#,
        r#"x(4@9): id="4" title="한!" at=NULL"#,
        r#"x(5@10): id=?an expression with Sign(46) title=NULL at="2024-01-31T09:05:00.25+09""#,
        r#"x(6@11): id="5" title=NULL at=?SYSDATE"#,
    ];
    assert_eq!(of(Dialect::Oracle, text), expect);
}

#[test]
fn calls_within_calls_have_a_bound() {
    let deep = |count: usize| format!("({}{})", "F(".repeat(count), ")".repeat(count));
    let text =
        format!("INSERT INTO t (a) VALUES {}, {}, ({}1), (2);", deep(3), deep(100_000), "- ".repeat(100_000));
    let expect = ["t(1@1): a=?F(…)", "t(2@1): a=?F(…)", "t(3@1): a=?an expression", r#"t(4@1): a="2""#];
    assert_eq!(of(Dialect::Oracle, &text), expect);
}

#[test]
fn what_is_broken_says_where() {
    for (dialect, text, expect) in [
        (Dialect::Mysql, "INSERT INTO t VALUES (1);", "!! line 1: the columns of table t are not known"),
        (Dialect::Mysql, "INSERT INTO t (a) VALUES\n('x", "!! line 2: a text that does not end"),
        (Dialect::Mysql, "\n/* x", "!! line 2: a comment that does not end"),
        (Dialect::Mysql, "INSERT INTO t (a) VALUES (1", "!! line 1: a row that does not end"),
        (
            Dialect::Mysql,
            "INSERT INTO t (a) VALUES (X'4G');",
            "!! line 1: digits to the base 16 that are none",
        ),
        (Dialect::Oracle, "INSERT INTO t (a) VALUES (q'[x]);", "!! line 1: a text that does not end"),
        (
            Dialect::Mysql,
            "INSERT INTO t (a) VALUES (1,2);",
            "! line 1: table t, row 1: has 2 values; its columns are 1",
        ),
        (Dialect::Postgresql, "CREATE TABLE t (a int", "!! line 1: a CREATE TABLE that does not end"),
    ] {
        let told = of(dialect, text);
        assert!(told.first().is_some_and(|told| told.starts_with(expect)), "{text:?}: {told:#?}");
    }
}
