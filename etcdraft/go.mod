module github.com/seed449c39bc/wal/etcdraft

go 1.26.0

require (
	github.com/seed449c39bc/wal v0.0.0
	go.etcd.io/raft/v3 v3.7.0
	go.uber.org/zap v1.28.0
	google.golang.org/protobuf v1.36.12
)

replace github.com/seed449c39bc/wal => ../

require (
	github.com/seed449c39bc/wal/etcdraft/storagetest v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	go.etcd.io/etcd/client/pkg/v3 v3.7.3 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/seed449c39bc/wal/etcdraft/storagetest => ./storagetest
