# Makes test/vectors/chef/keymaster-items.json by Chef's own code, which has to be installed (gem chef, or -I to its source):
#   openssl rand -base64 2048 > master.key; ruby keymaster-items.rb master.key > keymaster-items.json
require "json"
require "chef/config"
require "chef/encrypted_data_bag_item"
require "chef/version"

master = ARGV.fetch(0)
secret = Chef::EncryptedDataBagItem.load_secret(master)
items = %W[-----KEY-----\none\n -----KEY-----\ntwo\n].flat_map do |key|
  plain = { "id" => "service123-databagXYZ-production", "destination" => "tags:service123", "key" => key }
  [1, 2, 3].map do |version|
    Chef::Config[:data_bag_encrypt_version] = version
    { "version" => version, "plain" => plain, "item" => Chef::EncryptedDataBagItem.encrypt_data_bag_item(plain, secret) }
  end
end
puts JSON.pretty_generate(
  "writer" => "Chef #{Chef::VERSION}, Chef::EncryptedDataBagItem.encrypt_data_bag_item",
  "ruby" => RUBY_VERSION,
  "master_key" => File.read(master),
  "items" => items,
)
